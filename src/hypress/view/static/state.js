// What the page shows now. Whoever changes it says so with `change`; whoever draws it listens.

export const state = {
  frame: [1, 1],
  layers: [],
  colours: {}, // colour maps by name
  mode: "single", // single, swipe, side, map
  a: 0, // number of the first layer
  b: 0, // and of the second
  split: 0.5,
  bands: [0, 0, 0], // three for colour, the first alone for grey
  grey: false,
  colourMap: "grey",
  percent: 2,
  gamma: 1,
  low: [0, 0, 0],
  high: [1, 1, 1],
  channel: 0, // the one that a click on a plot sets
  map: { kind: "rms", top: null, band: 0 },
  region: null, // {top, left, bottom, right}
  drawing: false,
};

const listeners = new Map();

/** Call `work` after each change of one of these parts of the state. */
export function on(parts, work) {
  for (const part of parts) {
    if (!listeners.has(part)) listeners.set(part, new Set());
    listeners.get(part).add(work);
  }
}

export function change(values) {
  Object.assign(state, values);
  const due = new Set();
  for (const part of Object.keys(values)) for (const work of listeners.get(part) ?? []) due.add(work);
  for (const work of due) work();
}

export const layer = (number) => state.layers[number];
export const shown = () => (state.grey ? [state.bands[0]] : state.bands);

export function bandName(which, band) {
  const nm = layer(which)?.wavelength_nm?.[band];
  return nm == null ? `band ${band}` : `band ${band} · ${nm.toFixed(nm < 1000 ? 1 : 0)} nm`;
}

const COLOURS = ["var(--ink)", "#2f8fdd", "#dd6318", "#00996f", "#c46a9b", "#c98a00", "#7a6ff0"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4"];
export const ink = (number) => COLOURS[number % COLOURS.length];
export const dash = (number) => DASHES[number % DASHES.length];

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "∞";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
}

export function bytes(count) {
  for (const [unit, scale] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (count >= scale) return `${(count / scale).toFixed(2)} ${unit}`;
  }
  return `${count} bytes`;
}

/** A DOM element from a tag, properties and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, value);
    else if (key === "style") made.style.cssText = value;
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function field(label, control) {
  return el("label", { className: "field" }, el("span", {}, label), control);
}
