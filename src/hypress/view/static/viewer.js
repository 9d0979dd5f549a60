// The picture: what lies where on the screen, drawn from tiles; moving, zooming, swiping, picking.

import { address } from "./api.js";
import { change, layer, on, shown, state } from "./state.js";
import { Tiles } from "./tiles.js";

const EDGE = 256; // pixels of a tile's edge
const CLOSEST = 48; // screen pixels a sample at most

const canvas = document.getElementById("canvas");
const stage = document.getElementById("stage");
const context = canvas.getContext("2d");

export const view = { x: 0, y: 0, scale: 1 }; // scene place in the middle, CSS pixels a sample
const tiles = new Tiles(() => draw());
let drawn = false;
let before = {}; // of each pane, the style shown before this one: drawn beneath until the new one is there
let cursor = null;
let fitted = true; // until the user moves: then a new shape of the screen moves nothing
const listeners = [];

export const onView = (work) => listeners.push(work);

// --- what a pane shows -----------------------------------------------------------------------------

function style(number) {
  const here = layer(number);
  const all = shown().every((band) => band < here.shape[0]) ? shown() : here.bands; // a scene of another sensor
  const bands = all.slice(0, shown().length);
  return {
    layer: number, bands: bands.join(), gamma: state.gamma,
    low: state.low.slice(0, bands.length).join(), high: state.high.slice(0, bands.length).join(),
    ...(state.grey ? { map: state.colourMap } : {}),
  };
}

function mapStyle() {
  if (state.map.top === null || state.a === state.b) return null;
  return { layer: state.a, against: state.b, kind: state.map.kind, top: state.map.top, band: state.map.band };
}

/** The parts of the screen: where each is, what it may paint on, and what it shows. */
function panes() {
  const { clientWidth: w, clientHeight: h } = canvas;
  const whole = { x: 0, y: 0, w, h };
  if (state.mode === "side") {
    const left = { x: 0, y: 0, w: w / 2 - 1, h }, right = { x: w / 2 + 1, y: 0, w: w / 2 - 1, h };
    return [
      { id: "a", rect: left, clip: left, style: style(state.a) },
      { id: "b", rect: right, clip: right, style: style(state.b) },
    ];
  }
  if (state.mode === "swipe") {
    const at = state.split * w;
    return [
      { id: "a", rect: whole, clip: { x: 0, y: 0, w: at, h }, style: style(state.a) },
      { id: "b", rect: whole, clip: { x: at, y: 0, w: w - at, h }, style: style(state.b) },
    ];
  }
  if (state.mode === "map") return [{ id: "map", rect: whole, clip: whole, style: mapStyle() }];
  return [{ id: "a", rect: whole, clip: whole, style: style(state.a) }];
}

export function paneAt(x) {
  return panes().find((pane) => x >= pane.clip.x && x <= pane.clip.x + pane.clip.w) ?? panes()[0];
}

/** Scene place under a screen place. */
export function toScene(x, y, pane = paneAt(x)) {
  const { rect } = pane;
  return {
    x: view.x + (x - rect.x - rect.w / 2) / view.scale,
    y: view.y + (y - rect.y - rect.h / 2) / view.scale,
  };
}

/** The rectangle of scene pixels on the screen: top, left, bottom, right. */
export function visible() {
  const { rect } = panes()[0];
  const [rows, columns] = state.frame;
  const high = rect.h / view.scale / 2, wide = rect.w / view.scale / 2;
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  return [
    clamp(Math.floor(view.y - high), rows), clamp(Math.floor(view.x - wide), columns),
    clamp(Math.ceil(view.y + high), rows), clamp(Math.ceil(view.x + wide), columns),
  ];
}

// --- drawing ---------------------------------------------------------------------------------------

export function draw() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    paint();
  });
}

function paint() {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, w, h);
  const wanted = [];
  for (const pane of panes()) {
    if (!pane.style || pane.clip.w < 1) continue;
    context.save();
    context.beginPath();
    context.rect(pane.clip.x * ratio, pane.clip.y * ratio, pane.clip.w * ratio, pane.clip.h * ratio);
    context.clip();
    const key = JSON.stringify(pane.style);
    const last = before[pane.id];
    if (last && last.key !== key) paintTiles(pane, last.style, ratio, null);
    const complete = paintTiles(pane, pane.style, ratio, wanted);
    if (complete || !last) before[pane.id] = { key, style: pane.style };
    paintMarks(pane, ratio);
    context.restore();
  }
  wanted.sort((one, other) => one.distance - other.distance);
  tiles.want(wanted.map((tile) => tile.url));
  const told = [tiles.overview && "overview", tiles.busy && "decoding …"].filter(Boolean);
  document.getElementById("busy").textContent = told.join(", ");
  canvas.dataset.busy = String(tiles.busy);
  for (const work of listeners) work();
}

/** Paint one style, from the coarsest tiles at hand to the wanted ones; returns whether all were there. */
function paintTiles(pane, styled, ratio, wanted) {
  const [rows, columns] = state.frame;
  const { rect, clip } = pane;
  const level = Math.max(0, Math.min(top(), Math.floor(Math.log2(1 / (view.scale * ratio)) + 1e-6)));
  const screen = (x, y) => [
    (rect.x + rect.w / 2 + (x - view.x) * view.scale) * ratio,
    (rect.y + rect.h / 2 + (y - view.y) * view.scale) * ratio,
  ];
  const first = toScene(clip.x, clip.y, pane), last = toScene(clip.x + clip.w, clip.y + clip.h, pane);
  const [middleX, middleY] = screen(view.x, view.y);
  let complete = true;
  for (let z = Math.min(top(), level + 6); z >= level; z--) {
    const span = EDGE << z;
    const from = [Math.max(0, Math.floor(first.y / span)), Math.max(0, Math.floor(first.x / span))];
    const to = [
      Math.min(Math.floor((rows - 1) / span), Math.floor(last.y / span)),
      Math.min(Math.floor((columns - 1) / span), Math.floor(last.x / span)),
    ];
    for (let y = from[0]; y <= to[0]; y++) {
      for (let x = from[1]; x <= to[1]; x++) {
        const url = address("tile", { ...styled, z, y, x });
        const found = tiles.get(url);
        const [left, up] = screen(x * span, y * span).map(Math.round);
        if (z === level) {
          complete &&= Boolean(found?.exact);
          const [cx, cy] = screen((x + 0.5) * span, (y + 0.5) * span);
          wanted?.push({ url, distance: Math.hypot(cx - middleX, cy - middleY) });
        } else if (z === top() && wanted && !found) {
          wanted.push({ url, distance: -1 }); // the whole scene in one or few tiles comes first
        }
        if (!found) continue;
        const wide = Math.min(columns, x * span + (found.bitmap.width << z)), deep = Math.min(rows, y * span + (found.bitmap.height << z));
        const [right, down] = screen(wide, deep).map(Math.round);
        const used = [(wide - x * span) / (1 << z), (deep - y * span) / (1 << z)];
        context.imageSmoothingEnabled = z > level || view.scale * ratio < 1;
        context.drawImage(found.bitmap, 0, 0, used[0], used[1], left, up, right - left, down - up);
      }
    }
  }
  return complete;
}

/** The coarsest level: the scene in one tile, or few. */
const top = () => Math.max(0, Math.ceil(Math.log2(Math.max(...state.frame) / EDGE)));

function paintMarks(pane, ratio) {
  const box = (top, left, bottom, right) => {
    const at = (x, y) => [
      (pane.rect.x + pane.rect.w / 2 + (x - view.x) * view.scale) * ratio,
      (pane.rect.y + pane.rect.h / 2 + (y - view.y) * view.scale) * ratio,
    ];
    return [...at(left, top), ...at(right, bottom)];
  };
  const outline = ([x0, y0, x1, y1], colour) => {
    for (const [width, paint] of [[4, "#000a"], [2, colour]]) {
      context.lineWidth = width * ratio;
      context.strokeStyle = paint;
      context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  };
  const number = pane.id === "b" ? state.b : state.a;
  const which = layer(state.mode === "map" ? state.b : number);
  if (which && (which.shape[1] !== state.frame[0] || which.shape[2] !== state.frame[1])) {
    const [y, x] = which.origin;
    outline(box(y, x, y + which.shape[1], x + which.shape[2]), "#fff8");
  }
  const region = state.region;
  if (!region) return;
  const [x0, y0, x1, y1] = box(region.top, region.left, region.bottom, region.right);
  const small = 9 * ratio;
  outline([x0, y0, x1, y1], "#ffd23f");
  if (x1 - x0 < small) {
    const cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
    outline([cx - small, cy - small, cx + small, cy + small], "#ffd23f");
  }
}

// --- moving ----------------------------------------------------------------------------------------

export function fit() {
  const { rect } = panes()[0];
  const [rows, columns] = state.frame;
  const up = document.querySelector(".toolbar").offsetHeight + 20, down = document.getElementById("status").offsetHeight + 10;
  view.scale = Math.min(CLOSEST, 0.97 * rect.w / columns, (rect.h - up - down) / rows);
  [view.x, view.y] = [columns / 2, rows / 2 - (up - down) / 2 / view.scale];
  fitted = true;
  draw();
}

/** Zoom by a factor, keeping the scene place under the screen place where it is. */
export function zoom(factor, x, y) {
  const { rect } = panes()[0];
  const [px, py] = [x ?? rect.x + rect.w / 2, y ?? rect.y + rect.h / 2];
  const pane = paneAt(px);
  const fixed = toScene(px, py, pane);
  const least = 0.5 * Math.min(rect.w / state.frame[1], rect.h / state.frame[0]);
  view.scale = Math.min(CLOSEST, Math.max(Math.min(least, 1), view.scale * factor));
  const now = toScene(px, py, pane);
  move(now.x - fixed.x, now.y - fixed.y);
}

export const zoomTo = (scale) => zoom(scale / view.scale);

/** Move the scene by so many of its pixels. */
export function move(dx, dy) {
  const [rows, columns] = state.frame;
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  [view.x, view.y] = [clamp(view.x - dx, columns), clamp(view.y - dy, rows)];
  fitted = false;
  draw();
}

export function lookAt(row, column) {
  fitted = false;
  [view.x, view.y] = [column, row];
  draw();
}

// --- picking ---------------------------------------------------------------------------------------

export function pick(x, y) {
  const place = toScene(x, y);
  pickPixel(Math.floor(place.y), Math.floor(place.x));
}

export function pickPixel(row, column) {
  const [rows, columns] = state.frame;
  if (row < 0 || column < 0 || row >= rows || column >= columns) return;
  change({ region: { top: row, left: column, bottom: row + 1, right: column + 1 } });
}

export function pickRegion(from, to) {
  const [rows, columns] = state.frame;
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  const top = clamp(Math.floor(Math.min(from.y, to.y)), rows - 1), left = clamp(Math.floor(Math.min(from.x, to.x)), columns - 1);
  const bottom = clamp(Math.ceil(Math.max(from.y, to.y)), rows), right = clamp(Math.ceil(Math.max(from.x, to.x)), columns);
  change({ region: { top, left, bottom: Math.max(bottom, top + 1), right: Math.max(right, left + 1) } });
}

export function hover(x, y) {
  cursor = toScene(x, y);
  showPlace();
}

function showPlace() {
  const zoomed = `${number(view.scale)}×`;
  const [rows, columns] = state.frame;
  const inside = cursor && cursor.x >= 0 && cursor.y >= 0 && cursor.x < columns && cursor.y < rows;
  const where = inside ? `row ${Math.floor(cursor.y)}, column ${Math.floor(cursor.x)} · ` : "";
  document.getElementById("place").textContent = `${where}${zoomed}`;
}

const number = (value) => (value >= 10 ? value.toFixed(0) : value.toPrecision(2));

export function start() {
  const again = () => (fitted ? fit() : draw());
  new ResizeObserver(again).observe(canvas);
  on(["mode"], again);
  onView(showPlace);
  on(["a", "b", "split", "bands", "grey", "colourMap", "gamma", "low", "high", "map", "region", "layers", "frame"], draw);
  fit();
}
