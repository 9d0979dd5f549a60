// The panel that shows the spectra of a pixel or region in every layer, and how far they are apart.

import { address, get, tried } from "./api.js";
import { Plot, badSpans, hole, savePng } from "./plot.js";
import { change, dash, el, field, ink, layer, number, on, state } from "./state.js";
import { nearest } from "./panel-picture.js";
import { pickRegion } from "./viewer.js";

const root = document.getElementById("spectra");
const parts = {};
let found = null;

export function start(show) {
  parts.say = el("p", { className: "note", role: "status" }, "Click a pixel of the picture, or hold Shift and drag a region.");
  parts.main = el("div");
  parts.key = el("ul", { className: "key" });
  parts.all = el("input", { type: "checkbox", id: "all-layers", onchange: () => state.region && ask() });
  parts.error = el("div");
  parts.table = el("div");
  parts.inputs = ["top", "left", "bottom", "right"].map((side) => el("input", { type: "number", id: `region-${side}`, min: 0, onchange: typed }));
  parts.csv = el("a", { className: "button", id: "csv", download: "spectra.csv" }, "Save CSV");
  parts.png = el("button", { type: "button", id: "png", onclick: () => parts.plot && tried(() => savePng(parts.plot.root, "spectra.png")) }, "Save PNG");
  parts.tools = el("div", { className: "row", hidden: true }, parts.csv, parts.png, el("label", {}, parts.all, " all layers"));
  root.append(
    el("h2", {}, "Spectra"), parts.say, parts.main, parts.key, parts.tools, parts.error, parts.table,
    el("h2", {}, "Region"),
    el("div", { className: "grid4" }, ...["from row", "from column", "to row", "to column"].map((name, i) => field(name, parts.inputs[i]))),
  );
  on(["region"], () => (fillInputs(), ask(show)));
  on(["layers", "a", "b"], () => state.region && ask());
  on(["bands", "grey"], () => found && drawPlots());
}

function fillInputs() {
  const sides = ["top", "left", "bottom", "right"];
  parts.inputs.forEach((input, i) => (input.value = state.region?.[sides[i]] ?? ""));
}

function typed() {
  const [top, left, bottom, right] = parts.inputs.map((input) => (input.value === "" ? null : Number(input.value)));
  if (top === null || left === null) return;
  pickRegion({ x: left, y: top }, { x: right ?? left + 1, y: bottom ?? top + 1 });
}

/** The layers whose spectra are drawn: the two chosen ones, or all that have as many bands. */
function chosen() {
  const bands = layer(state.a).shape[0];
  const others = state.layers.map((each) => each.id).filter((id) => id !== state.a && layer(id).shape[0] === bands);
  others.sort((one, other) => Number(other === state.b) - Number(one === state.b));
  return parts.all.checked ? [state.a, ...others].slice(0, 7) : [state.a, ...others.filter((id) => id === state.b)];
}

let turn = 0, waiting = null, running = false;

function ask(show) {
  show?.();
  waiting = ++turn;
  if (!running) next();
}

async function next() {
  running = true;
  while (waiting !== null) {
    const mine = waiting;
    waiting = null;
    const { top, left, bottom, right } = state.region;
    const layers = chosen();
    const parameters = { region: [top, left, bottom, right].join(), layers: layers.join() };
    parts.say.textContent = "decoding …";
    const answer = await tried(() => get("spectra", parameters));
    if (mine !== turn) continue;
    if (!answer) {
      parts.say.textContent = "These spectra cannot be shown.";
      continue;
    }
    found = { ...answer, ids: layers };
    parts.csv.href = address("spectra.csv", parameters);
    drawAll();
    if (!answer.exact) setTimeout(() => mine === turn && ask(), 500);
  }
  running = false;
}

function drawAll() {
  const { region, pixels, pixels_in_region: all } = found;
  const place = all === 1 ? `Pixel at row ${region.top}, column ${region.left}` : `Region of ${region.bottom - region.top} × ${region.right - region.left} pixels, mean and range`;
  parts.say.textContent = (found.exact ? "" : "Decoding; so far: ") + place + (pixels < all ? `, every ${Math.round(Math.sqrt(all / pixels))}th pixel of each direction` : "") + ". A click on the plot sets a band.";
  parts.tools.hidden = false;
  drawPlots();
  parts.key.replaceChildren(...found.layers.map((each, i) => {
    const sample = document.createElement("span");
    sample.innerHTML = `<svg width="28" height="10" aria-hidden="true"><line x1="0" x2="28" y1="5" y2="5" stroke-width="2.4" stroke-dasharray="${dash(i)}" style="stroke:${ink(i)}"/></svg>`;
    return el("li", {}, sample, each.name);
  }));
  const against = found.layers.filter((each) => each.against_first);
  parts.table.replaceChildren(against.length ? el("table", { id: "spectra-table" },
    el("caption", { className: "sr" }, "How far each layer is from the first, here"),
    el("thead", {}, el("tr", {}, el("th", {}, `against ${found.layers[0].name}`), ...["rms error", "largest", "angle"].map((name) => el("th", { className: "number" }, name)))),
    el("tbody", {}, ...against.map((each) => el("tr", {}, el("td", {}, each.name),
      el("td", { className: "number" }, plain(each.against_first.rms_error)), el("td", { className: "number" }, plain(each.against_first.max_error)),
      el("td", { className: "number" }, `${plain(each.against_first.sam_deg)}°`))))) : "");
}

const plain = (value) => (value === null ? "–" : number(value, 4));
const finite = (values) => values.filter((value) => value !== null);

function drawPlots() {
  const nm = found.wavelength_nm;
  const count = found.layers[0].mean.length;
  const axis = nm ?? Array.from({ length: count }, (_, i) => i);
  const ends = [Math.min(...finite(axis)), Math.max(...finite(axis))];
  const xLabel = nm ? "wavelength / nm" : "band";
  const good = (values) => values.filter((_, i) => found.good_band[i] !== false);
  const seen = found.layers.flatMap((each) => finite([...good(each.min), ...good(each.max)]));
  if (!seen.length) return parts.main.replaceChildren(el("p", { className: "note" }, "There is no valid sample here."));
  const span = [Math.min(0, ...seen), Math.max(...seen)];
  if (!(span[1] > span[0])) span[1] = span[0] + 1;
  const plot = new Plot({ label: "Spectra", height: 250, x: ends, y: span, xLabel, yLabel: found.units ?? "samples" });
  for (const [from, to] of badSpans(axis, found.good_band)) plot.band(from, to);
  marks(plot, axis);
  const one = found.pixels === 1;
  found.layers.forEach((each, i) => {
    if (!one) plot.area(axis, each.min, each.max, { colour: ink(i), gap: hole(axis) });
    plot.line(axis, each.mean, { colour: ink(i), dash: dash(i), width: i ? 1.6 : 2, gap: hole(axis) });
  });
  pickable(plot, axis);
  parts.plot = plot;
  parts.main.replaceChildren(plot.root);

  const against = found.layers.map((each, i) => [each.against_first, i]).filter(([each]) => each);
  if (!against.length) return parts.error.replaceChildren();
  const errors = against.flatMap(([each]) => good(one ? each.bias_by_band : each.rms_by_band));
  const low = Math.min(0, ...finite(errors)), high = Math.max(0, ...finite(errors));
  const error = new Plot({ label: "Error by band", height: 150, x: ends, y: [low, high > low ? high : low + 1], xLabel, yLabel: one ? "decoded − original" : "rms error" });
  for (const [from, to] of badSpans(axis, found.good_band)) error.band(from, to);
  for (const [each, i] of against) error.line(axis, one ? each.bias_by_band : each.rms_by_band, { colour: ink(i), dash: dash(i), width: 1.4, gap: hole(axis) });
  pickable(error, axis);
  parts.error.replaceChildren(el("h2", {}, "Error by band"), error.root);
}

function marks(plot, axis) {
  const colours = state.grey ? ["--accent"] : ["--red", "--green", "--blue"];
  colours.forEach((colour, i) => {
    const at = axis[state.bands[i]];
    if (at !== null) plot.upright(at, `var(${colour})`, state.grey ? "" : "RGB"[i]);
  });
}

function pickable(plot, axis) {
  plot.root.style.cursor = "pointer";
  plot.root.addEventListener("click", (event) => {
    const at = plot.fromX(event.clientX);
    const here = layer(state.a);
    const band = found.wavelength_nm ? nearest(here, at) : Math.min(axis.length - 1, Math.max(0, Math.round(at)));
    const bands = [...state.bands];
    bands[state.grey ? 0 : state.channel] = band;
    change({ bands });
  });
}
