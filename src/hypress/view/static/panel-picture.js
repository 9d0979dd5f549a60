// The panel that chooses bands, stretch and the way to show differences.

import { get, tried } from "./api.js";
import { Plot } from "./plot.js";
import { bandName, change, el, field, layer, number, on, state } from "./state.js";

const CHANNELS = [["R", "red", "--red"], ["G", "green", "--green"], ["B", "blue", "--blue"]];
const KINDS = [
  ["rms", "Error of a pixel: root mean square"], ["max", "Error of a pixel: largest"],
  ["angle", "Spectral angle"], ["band", "Error of one band, with its sign"],
];
const UNITS = { rms: "sample units", max: "sample units", angle: "degrees", band: "sample units" };
const root = document.getElementById("picture");
const parts = {};

export function start() {
  parts.preset = el("select", { id: "preset", onchange: () => parts.preset.value && change({ bands: JSON.parse(parts.preset.value), grey: false }) });
  parts.grey = el("input", { type: "checkbox", id: "grey", onchange: () => change({ grey: parts.grey.checked }) });
  parts.colourMap = el("select", { id: "colour-map", "aria-label": "Colour map", onchange: () => change({ colourMap: parts.colourMap.value }) },
    ...["grey", "cividis", "viridis"].map((name) => el("option", { value: name }, name)));
  parts.channels = el("div");
  parts.histogram = el("div");
  parts.percent = el("select", { id: "percent", onchange: () => (change({ percent: Number(parts.percent.value) }), stretch()) },
    ...[[0, "smallest to largest"], [0.5, "0.5 % cut at each end"], [2, "2 % cut at each end"], [5, "5 % cut at each end"]].map(([value, name]) => el("option", { value, selected: value === 2 }, name)));
  parts.gamma = el("input", { type: "range", id: "gamma", min: -1, max: 1, step: 0.05, value: 0, oninput: () => change({ gamma: 2 ** Number(parts.gamma.value) }) });
  parts.limits = el("div");
  parts.map = el("div", { id: "map-part" });
  root.append(
    el("h2", {}, "Bands"),
    field("Preset", parts.preset),
    el("div", { className: "row" }, el("label", {}, parts.grey, " one band"), parts.colourMap),
    parts.channels,
    el("h2", {}, "Stretch"),
    el("div", { className: "grid2" }, field("Range", parts.percent), field("Gamma", parts.gamma)),
    parts.histogram, parts.limits, parts.map,
  );
  on(["a"], () => state.bands.some((band) => band >= layer(state.a).shape[0]) && change({ bands: layer(state.a).bands }));
  on(["a", "bands", "grey", "layers"], () => (build(), stretch()));
  on(["low", "high"], limits);
  on(["mode", "a", "b", "layers"], maps);
  on(["map"], legend);
  on(["mode"], legend);
  build();
  stretch();
  maps();
}

// --- bands -----------------------------------------------------------------------------------------

function build() {
  const here = layer(state.a);
  const presets = Object.entries(here.presets);
  const chosen = JSON.stringify(state.bands);
  parts.preset.replaceChildren(
    el("option", { value: "" }, presets.length ? "own choice" : "none: the file states no wavelengths"),
    ...presets.map(([name, bands]) => el("option", { value: JSON.stringify(bands), selected: !state.grey && JSON.stringify(bands) === chosen }, name)),
  );
  parts.grey.checked = state.grey;
  parts.colourMap.disabled = !state.grey;
  const focus = document.activeElement?.id;
  parts.channels.replaceChildren(...(state.grey ? CHANNELS.slice(0, 1) : CHANNELS).map((_, i) => channel(here, i)));
  if (focus?.startsWith("band-")) document.getElementById(focus)?.focus();
}

function channel(here, i) {
  const [letter, name, colour] = state.grey ? ["1", "shown", "--accent"] : CHANNELS[i];
  const set = (band) => {
    const bands = [...state.bands];
    bands[i] = Math.min(here.shape[0] - 1, Math.max(0, band));
    change({ bands, channel: i });
  };
  const nm = here.wavelength_nm;
  const value = nm?.[state.bands[i]] ?? state.bands[i];
  return el("div", { className: "channel", style: `--c: var(${colour})` },
    el("button", {
      type: "button", className: "dot", "aria-pressed": String(state.channel === i), title: `A click on a spectrum sets ${name}`,
      "aria-label": `A click on a spectrum sets the ${name} band`, onclick: () => (change({ channel: i }), build()),
    }, letter),
    el("input", { type: "range", id: `band-${i}`, min: 0, max: here.shape[0] - 1, value: state.bands[i], "aria-label": `${name} band`, oninput: (event) => set(Number(event.target.value)) }),
    el("input", {
      type: "number", id: `band-nm-${i}`, value: Number(value.toFixed(1)), step: "any", "aria-label": nm ? `${name} wavelength in nm` : `${name} band number`,
      onchange: (event) => set(nm ? nearest(here, Number(event.target.value)) : Math.round(Number(event.target.value))),
    }),
    el("small", {}, bandName(state.a, state.bands[i]) + (here.good_band[state.bands[i]] ? "" : " · bad band")),
  );
}

/** The good band nearest to a wavelength. */
export function nearest(here, wanted) {
  let best = 0, least = Infinity;
  here.wavelength_nm.forEach((nm, band) => {
    const away = nm === null ? Infinity : Math.abs(nm - wanted) + (here.good_band[band] ? 0 : 1e-6);
    if (away < least) [best, least] = [band, away];
  });
  return best;
}

// --- stretch ---------------------------------------------------------------------------------------

let asked = 0;

async function stretch(again = 0) {
  const turn = ++asked;
  const bands = state.grey ? [state.bands[0]] : state.bands;
  const found = await tried(() => get("stretch", { layer: state.a, bands: bands.join(), percent: state.percent }));
  if (!found || turn !== asked) return;
  const [low, high] = [pad(found.low), pad(found.high)];
  const off = low.some((_, i) => Math.abs(low[i] - state.low[i]) + Math.abs(high[i] - state.high[i]) > 0.05 * (high[i] - low[i]));
  if (!again || off) change({ low, high }); // small changes are not worth new pictures
  histograms(turn, bands);
  if (!found.exact && again < 8) setTimeout(() => turn === asked && stretch(again + 1), 1500 * (again + 1));
}

const pad = (values) => [0, 1, 2].map((i) => values[Math.min(i, values.length - 1)]);

function limits() {
  const count = state.grey ? 1 : 3;
  const cell = (key, i) => el("input", {
    type: "number", step: "any", value: Number(state[key][i].toPrecision(6)), "aria-label": `${key === "low" ? "Dark" : "Bright"} end of ${state.grey ? "the band" : CHANNELS[i][1]}`,
    onchange: (event) => {
      const values = [...state[key]];
      values[i] = Number(event.target.value);
      change({ [key]: values });
    },
  });
  parts.limits.replaceChildren(el("table", {},
    el("thead", {}, el("tr", {}, el("th", {}, ""), el("th", {}, "dark at"), el("th", {}, "bright at"))),
    el("tbody", {}, ...Array.from({ length: count }, (_, i) => el("tr", {}, el("th", { scope: "row" }, state.grey ? "1" : CHANNELS[i][0]), el("td", {}, cell("low", i)), el("td", {}, cell("high", i)))))));
}

async function histograms(turn, bands) {
  const found = await tried(() => Promise.all(bands.map((band) => get("histogram", { layer: state.a, band }))));
  if (!found || turn !== asked) return;
  const known = found.filter((each) => each.counts.length);
  if (!known.length) return parts.histogram.replaceChildren(el("p", { className: "note" }, "No valid sample in this band."));
  const low = Math.min(...known.map((h) => h.low)), high = Math.max(...known.map((h) => h.high));
  const most = Math.max(...known.map((h) => Math.max(...h.counts)));
  const plot = new Plot({ label: "Histogram of the bands shown", height: 120, x: [low, high > low ? high : low + 1], y: [0, most] });
  known.forEach((each, i) => {
    const width = (each.high - each.low) / each.counts.length;
    const xs = each.counts.map((_, k) => each.low + (k + 0.5) * width);
    plot.area(xs, each.counts.map(() => 0), each.counts, { colour: `var(${state.grey ? "--accent" : CHANNELS[i][2]})` });
    plot.line(xs, each.counts, { colour: `var(${state.grey ? "--accent" : CHANNELS[i][2]})` });
  });
  parts.histogram.replaceChildren(plot.root);
}

// --- differences -------------------------------------------------------------------------------------

function maps() {
  parts.map.hidden = state.mode !== "map";
  if (state.mode !== "map") return;
  const kind = el("select", { id: "map-kind", onchange: () => (change({ map: { ...state.map, kind: kind.value, top: null } }), mapTop()) },
    ...KINDS.map(([value, name]) => el("option", { value, selected: value === state.map.kind }, name)));
  const top = el("input", { type: "number", id: "map-top", min: 0, step: "any", value: state.map.top ?? "", onchange: () => Number(top.value) > 0 && change({ map: { ...state.map, top: Number(top.value) } }) });
  const band = el("input", { type: "range", id: "map-band", min: 0, max: layer(state.a).shape[0] - 1, value: state.map.band, oninput: () => (change({ map: { ...state.map, band: Number(band.value) } }), (said.textContent = bandName(state.a, state.map.band))), onchange: () => mapTop() });
  const said = el("small", { className: "note" }, bandName(state.a, state.map.band));
  parts.map.replaceChildren(el("h2", {}, "Difference"), field("Show", kind),
    el("div", { className: "row" }, el("span", { className: "grow" }, field("Brightest at", top)), el("button", { type: "button", onclick: () => mapTop() }, "Auto")),
    state.map.kind === "band" ? el("div", {}, field("Band", band), said) : "");
  parts.top = top;
  mapTop();
}

let topAsked = 0;

async function mapTop() {
  const turn = ++topAsked;
  if (state.a === state.b) return change({ map: { ...state.map, top: null } });
  if ((state.map.kind === "band") !== Boolean(document.getElementById("map-band"))) return maps();
  const found = await tried(() => get("map-top", { layer: state.a, against: state.b, kind: state.map.kind, band: state.map.band }));
  if (!found || turn !== topAsked) return;
  if (parts.top) parts.top.value = Number(found.top.toPrecision(3));
  change({ map: { ...state.map, top: Number(found.top.toPrecision(3)), mean: found.mean, most: found.most } });
}

function legend() {
  const box = document.getElementById("legend");
  const { kind, top, mean, most } = state.map;
  box.hidden = state.mode !== "map";
  if (box.hidden) return;
  if (state.a === state.b) return box.replaceChildren("Choose two different layers to see how they differ.");
  if (top === null) return box.replaceChildren("Looking at both layers …");
  const signed = kind === "band";
  const bar = el("div", { style: `height:12px;border-radius:3px;margin:4px 0 2px;background:linear-gradient(90deg,${state.colours[signed ? "balance" : "cividis"].map((c) => `#${c}`).join()})` });
  box.replaceChildren(
    el("strong", {}, KINDS.find(([value]) => value === kind)[1]),
    bar,
    el("div", {}, el("span", {}, number(signed ? -top : 0)), el("span", {}, signed ? "0" : UNITS[kind]), el("span", {}, `${number(top)}${signed ? "" : " and more"}`)),
    mean == null ? "" : el("div", {}, el("span", {}, `mean ${number(mean)}`), el("span", {}, `largest seen ${number(most)}`)),
  );
}
