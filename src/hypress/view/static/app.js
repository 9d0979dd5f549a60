// The page begins: layers, panels, and what the whole page listens to.

import { get, tried } from "./api.js";
import * as gestures from "./gestures.js";
import * as compress from "./panel-compress.js";
import * as file from "./panel-file.js";
import * as picture from "./panel-picture.js";
import * as spectra from "./panel-spectra.js";
import { change, el, layer, on, state } from "./state.js";
import * as viewer from "./viewer.js";

const byId = (id) => document.getElementById(id);

async function begin() {
  const session = await tried(() => get("session"));
  if (!session) return setTimeout(begin, 2000);
  const count = session.layers.length;
  Object.assign(state, { ...session, b: Math.min(1, count - 1), bands: session.layers[0].bands, mode: count > 1 ? "swipe" : "single" });
  layers();
  modes();
  viewer.start();
  gestures.start();
  picture.start();
  spectra.start(() => select(byId("tab-spectra"), false));
  file.start();
  compress.start();
  on(["layers"], () => (layers(), modes()));
  on(["a", "b", "mode", "split"], modes);
  on(["drawing"], () => byId("region-tool").setAttribute("aria-pressed", String(state.drawing)));
  document.body.dataset.ready = "true";
}

// --- layers and modes --------------------------------------------------------------------------------

function layers() {
  for (const [id, key] of [["layer-a", "a"], ["layer-b", "b"]]) {
    const select = byId(id);
    select.replaceChildren(...state.layers.map((each) => el("option", { value: each.id }, each.name)));
    select.onchange = () => change({ [key]: Number(select.value) });
  }
  const names = state.layers.map((each) => each.name).join(" · ");
  byId("title").textContent = names;
  document.title = `${state.layers[0].name} – hypress`;
}

function modes() {
  const several = state.layers.length > 1;
  for (const radio of document.querySelectorAll('input[name="mode"]')) {
    radio.checked = radio.value === state.mode;
    radio.disabled = radio.value !== "single" && !several;
    radio.onchange = () => radio.checked && change({ mode: radio.value });
  }
  byId("layer-a").value = state.a;
  byId("layer-b").value = state.b;
  byId("pick-b").hidden = state.mode === "single";
  const bar = byId("swipe");
  bar.hidden = state.mode !== "swipe";
  bar.style.left = `${100 * state.split}%`;
  bar.setAttribute("aria-valuenow", Math.round(100 * state.split));
  const two = state.mode === "swipe" || state.mode === "side";
  byId("label-a").hidden = byId("label-b").hidden = !two;
  byId("label-a").textContent = layer(state.a)?.name ?? "";
  byId("label-b").textContent = layer(state.b)?.name ?? "";
}

// --- tabs ----------------------------------------------------------------------------------------------

const tabs = [...document.querySelectorAll('[role="tab"]')];

function select(tab, focus = true) {
  if (tab.getAttribute("aria-selected") === "true") return;
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    byId(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
  if (tab.id === "tab-file") file.opened();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    select(tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]);
  });
}

// --- buttons ---------------------------------------------------------------------------------------------

byId("zoom-in").addEventListener("click", () => viewer.zoom(1.6));
byId("zoom-out").addEventListener("click", () => viewer.zoom(1 / 1.6));
byId("fit").addEventListener("click", viewer.fit);
byId("region-tool").addEventListener("click", () => change({ drawing: !state.drawing }));
byId("help-button").addEventListener("click", () => byId("help").showModal());

const theme = byId("theme");
const dark = () => (document.documentElement.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const sayTheme = () => theme.setAttribute("aria-pressed", String(dark()));
theme.addEventListener("click", () => {
  document.documentElement.style.colorScheme = dark() ? "light" : "dark";
  sayTheme();
});
sayTheme();

begin();
