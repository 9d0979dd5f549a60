// The panel that says what a layer's file is.

import { get, tried } from "./api.js";
import { bytes, el, field, layer, number, on, state } from "./state.js";
import { lookAt } from "./viewer.js";

const root = document.getElementById("file");
const parts = {};
const SHADES = ["#0b65b0", "#dd6318", "#00805a", "#b04f86", "#b07c00", "#5a52d0", "#51606e"];
let open = false, turn = 0;

export function start() {
  parts.layer = el("select", { id: "file-layer", onchange: show });
  parts.body = el("div");
  root.append(field("Layer", parts.layer), parts.body);
  on(["layers"], fill);
  fill();
}

function fill() {
  const kept = parts.layer.value;
  parts.layer.replaceChildren(...state.layers.map((each) => el("option", { value: each.id }, each.name)));
  if (kept !== "") parts.layer.value = kept;
}

/** Called when the panel comes to the front. */
export function opened() {
  if (!open) parts.layer.value = String(state.mode === "single" ? state.a : state.b);
  open = true;
  show();
}

async function show() {
  const mine = ++turn;
  parts.body.replaceChildren(el("p", { className: "note" }, "Reading …"));
  const facts = await tried(() => get("facts", { layer: parts.layer.value }));
  if (mine !== turn) return;
  if (!facts) return parts.body.replaceChildren(el("p", { className: "note bad" }, "This file cannot be read."));
  parts.body.replaceChildren(
    el("h2", {}, "What it is"), table(rows(facts)),
    ...(facts.streams ? [el("h2", {}, "Bytes by stream"), stack(facts.streams)] : []),
    ...(facts.tile_map ? [el("h2", {}, "Bytes by tile"), tileMap(facts, layer(Number(parts.layer.value)))] : []),
  );
}

function rows(facts) {
  const [bands, high, wide] = facts.shape;
  const plain = (value) => (value !== null && typeof value === "object" ? Object.entries(value).filter(([, v]) => v !== null).map(([k, v]) => `${k} ${typeof v === "number" ? number(v, 6) : v}`).join(", ") : value);
  const codec = facts.compression_codec ?? facts.codec ?? (facts.tiles ? Object.keys(facts.tiles).join(", ") : null);
  return [
    ["file", facts.path],
    ["samples", `${bands} bands, ${high} × ${wide} pixels of ${facts.dtype}`],
    ["nodata", facts.nodata],
    ["size", facts.bytes ?? facts.file_bytes ? bytes(facts.bytes ?? facts.file_bytes) + (facts.ratio ? `: ${facts.ratio.toFixed(2)} times smaller` : "") : null],
    ["rate", facts.bpppc ? `${facts.bpppc.toFixed(4)} bits per sample` : null],
    ["codec", codec],
    ["configuration", plain(facts.compression_configuration ?? facts.configuration)],
    ["goal", facts.compression_goal],
    ["achieved", achieved(facts)],
    ["tiles", facts.tile ? `${Object.entries(facts.tiles).map(([name, n]) => `${n} ${name}`).join(", ")}; each ${facts.tile.join(" × ")}` : null],
    ["wavelengths", facts.wavelength_nm ? `${facts.wavelength_nm.from.toFixed(0)} to ${facts.wavelength_nm.to.toFixed(0)} nm` : null],
    ["place", facts.crs],
    ["software", facts.compression_software],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function achieved(facts) {
  if (facts.compression === "lossless") return "lossless: every sample as it was";
  if (facts.compression !== "lossy") return null;
  const said = [
    ["compression_psnr_db", (v) => `PSNR ${v.toFixed(2)} dB (peak ${number(facts.compression_psnr_peak, 6)})`],
    ["compression_max_error", (v) => `largest error ${number(v)}`],
    ["compression_mean_spectral_angle_deg", (v) => `mean spectral angle ${v.toFixed(4)}°`],
  ];
  return said.filter(([key]) => key in facts).map(([key, tell]) => tell(facts[key])).join(", ");
}

const table = (lines) => el("table", { id: "facts" }, el("tbody", {}, ...lines.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, String(value))))));

function stack(streams) {
  const all = Object.values(streams).reduce((sum, size) => sum + size, 0);
  const entries = Object.entries(streams).sort(([, one], [, other]) => other - one);
  return el("div", {},
    el("div", { className: "stack", role: "img", "aria-label": "Share of each stream" }, ...entries.map(([, size], i) => el("span", { style: `flex:${size} 0 0;background:${SHADES[i % SHADES.length]}` }))),
    el("table", {}, el("tbody", {}, ...entries.map(([name, size], i) => el("tr", {},
      el("th", { scope: "row" }, el("span", { style: `display:inline-block;width:10px;height:10px;margin-right:7px;border-radius:2px;background:${SHADES[i % SHADES.length]}` }), name),
      el("td", { className: "number" }, bytes(size)), el("td", { className: "number" }, `${((100 * size) / all).toFixed(1)} %`))))));
}

/** The tiles as a picture, a click on which looks there. */
function tileMap(facts, here) {
  const { rows: high, columns: wide, bytes: sizes, codecs } = facts.tile_map;
  const [, rows, columns] = facts.shape;
  const tile = facts.tile ?? facts.shape;
  const most = Math.max(...sizes, 1), least = Math.min(...sizes);
  const canvas = el("canvas", { id: "tile-map", width: 800, height: Math.max(60, Math.min(1000, Math.round((800 * rows) / columns))), style: "width:100%;border-radius:6px;cursor:pointer;display:block" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Bytes of ${high} × ${wide} tiles, from ${bytes(least)} to ${bytes(most)}`);
  const context = canvas.getContext("2d");
  const shades = state.colours.cividis;
  const said = el("p", { className: "note", role: "status" }, `${high} × ${wide} tiles, ${bytes(least)} (dark) to ${bytes(most)} (bright). A click looks there.`);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const size = sizes[y * wide + x];
      const share = most > least ? (size - least) / (most - least) : 1;
      const [left, up] = [(x * tile[2] * canvas.width) / columns, (y * tile[1] * canvas.height) / rows];
      const [right, down] = [Math.min(canvas.width, ((x + 1) * tile[2] * canvas.width) / columns), Math.min(canvas.height, ((y + 1) * tile[1] * canvas.height) / rows)];
      const lost = ["missing", "damaged"].includes(codecs[y * wide + x]);
      context.fillStyle = lost ? "#d6451b" : `#${shades[Math.round(share * (shades.length - 1))]}`;
      const gap = right - left > 8 ? 1 : 0;
      context.fillRect(left, up, right - left - gap, down - up - gap);
    }
  }
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const y = Math.min(high - 1, Math.floor((((event.clientY - box.top) / box.height) * rows) / tile[1]));
    const x = Math.min(wide - 1, Math.floor((((event.clientX - box.left) / box.width) * columns) / tile[2]));
    return [Math.max(0, y), Math.max(0, x)];
  };
  const name = ([y, x]) => (said.textContent = `Tile ${y}, ${x}: ${bytes(sizes[y * wide + x])}, ${codecs[y * wide + x]}`);
  canvas.addEventListener("pointermove", (event) => name(at(event)));
  canvas.addEventListener("click", (event) => {
    const [y, x] = at(event);
    lookAt(here.origin[0] + Math.min(rows, (y + 0.5) * tile[1]), here.origin[1] + Math.min(columns, (x + 0.5) * tile[2]));
  });
  return el("div", {}, canvas, said);
}
