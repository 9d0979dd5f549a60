// Plots as SVG: lines over bands, bars, and points; and their way into a PNG.

import { number } from "./state.js";

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** About `count` round numbers that cover low to high. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return found;
}

/** Bands further apart than this leave a hole in the spectrum: some were removed between. */
export function hole(axis) {
  const steps = axis.slice(1).map((at, i) => at - axis[i]).filter((step) => step > 0).sort((one, other) => one - other);
  return 4 * (steps[steps.length >> 1] ?? Infinity);
}

export class Plot {
  /** An empty plot of a size in its own units, between these values. */
  constructor({ label, width = 400, height = 220, x, y, xLabel = "", yLabel = "" }) {
    Object.assign(this, { x, y, width, height, left: 46, right: 8, top: yLabel ? 24 : 10, bottom: xLabel ? 36 : 22 });
    this.root = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    this.back = svg("g");
    this.front = svg("g");
    this.root.append(this.back, this.front);
    for (const value of ticks(...y, 4)) {
      const at = this.atY(value);
      this.back.append(svg("line", { class: "axis", x1: this.left, x2: width - this.right, y1: at, y2: at }));
      this.text(this.left - 5, at + 4, number(value), "end");
    }
    for (const value of ticks(...x, 6)) this.text(this.atX(value), height - this.bottom + 14, number(value), "middle");
    if (xLabel) this.text((this.left + width - this.right) / 2, height - 5, xLabel, "middle");
    if (yLabel) this.text(4, 12, yLabel, "start");
  }

  atX(value) {
    return this.left + ((value - this.x[0]) / (this.x[1] - this.x[0] || 1)) * (this.width - this.left - this.right);
  }

  atY(value) {
    const share = (value - this.y[0]) / (this.y[1] - this.y[0] || 1);
    return this.height - this.bottom - share * (this.height - this.top - this.bottom);
  }

  fromX(clientX) {
    const box = this.root.getBoundingClientRect();
    const at = ((clientX - box.left) / box.width) * this.width;
    return this.x[0] + ((at - this.left) / (this.width - this.left - this.right)) * (this.x[1] - this.x[0]);
  }

  text(x, y, content, anchor) {
    this.back.append(Object.assign(svg("text", { x, y, "text-anchor": anchor }), { textContent: content }));
  }

  /** The points in runs: broken where a value is null, and where the points lie further apart than `gap`. */
  static runs(xs, ys, gap) {
    const found = [];
    let last = null;
    ys.forEach((y, i) => {
      if (y === null || xs[i] === null) return (last = null);
      if (last === null || xs[i] - last > gap) found.push([]);
      found.at(-1).push(i);
      last = xs[i];
    });
    return found;
  }

  points(xs, ys, run) {
    return run.map((i) => `${this.atX(xs[i]).toFixed(1)} ${this.atY(ys[i]).toFixed(1)}`);
  }

  line(xs, ys, { colour, dash = "", width = 1.6, gap = Infinity }) {
    const path = Plot.runs(xs, ys, gap).map((run) => `M${this.points(xs, ys, run).join("L")}`).join("");
    this.front.append(svg("path", { d: path || "M0 0", fill: "none", "stroke-width": width, "stroke-dasharray": dash, style: `stroke:${colour}` }));
  }

  /** The area between two lines. */
  area(xs, lows, highs, { colour, gap = Infinity }) {
    const path = Plot.runs(xs, lows, gap).map((run) => `M${[...this.points(xs, highs, run), ...this.points(xs, lows, run).reverse()].join("L")}Z`).join("");
    this.front.append(svg("path", { d: path || "M0 0", style: `fill:${colour}`, opacity: 0.16 }));
  }

  band(from, to, kind = "badband") {
    const [x0, x1] = [this.atX(from), this.atX(to)];
    this.back.append(svg("rect", { class: kind, x: x0, width: Math.max(1, x1 - x0), y: this.top, height: this.height - this.top - this.bottom }));
  }

  upright(x, colour, name) {
    const at = this.atX(x);
    this.front.append(svg("line", { x1: at, x2: at, y1: this.top, y2: this.height - this.bottom, style: `stroke:${colour}`, "stroke-width": 1.5 }));
    if (name) this.front.append(Object.assign(svg("text", { x: at, y: this.top - 3, "text-anchor": "middle", style: `fill:${colour}` }), { textContent: name }));
  }
}

/** The spans of bad bands on an axis, as pairs of values. */
export function badSpans(axis, good) {
  const spans = [];
  for (let i = 0; i < good.length; i++) {
    if (good[i] || axis[i] === null) continue;
    const from = i;
    while (i + 1 < good.length && !good[i + 1]) i++;
    const half = (a, b) => (axis[a] + (axis[b] ?? axis[a])) / 2;
    spans.push([half(from, Math.max(0, from - 1)), half(i, Math.min(good.length - 1, i + 1))]);
  }
  return spans;
}

const SHAPES = [
  "M0-6L5.2 3L-5.2 3Z", "M-5-5H5V5H-5Z", "M0-6.5L6.5 0L0 6.5L-6.5 0Z", "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
  "M-6-2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z", "M0 6L5.2-3L-5.2-3Z", "M-6-6L0-2L6-6L2 0L6 6L0 2L-6 6L-2 0Z",
];
export const mark = (kind, x, y, colour) =>
  svg("path", { d: SHAPES[kind % SHAPES.length], transform: `translate(${x} ${y})`, style: `fill:${colour};stroke:var(--card)`, "stroke-width": 1 });

/** Save a plot as PNG, in the colours that it has on the screen. */
export async function savePng(root, name, scale = 3) {
  const copy = root.cloneNode(true);
  const from = [root, ...root.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, i) => {
    const seen = getComputedStyle(element);
    for (const key of ["fill", "stroke", "opacity", "font-size", "font-family"]) to[i].style.setProperty(key, seen.getPropertyValue(key));
  });
  const { width, height } = root.viewBox.baseVal;
  copy.setAttribute("width", width * scale);
  copy.setAttribute("height", height * scale);
  copy.setAttribute("xmlns", SVG);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.getElementById("panels")).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const link = document.createElement("a");
  link.href = canvas.toDataURL("image/png");
  link.download = name;
  link.click();
}
