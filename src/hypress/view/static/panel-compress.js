// The panel that tries codecs and goals, and puts what they achieve beside one another.

import { address, get, post, tried } from "./api.js";
import { Plot, mark } from "./plot.js";
import { bytes, change, el, field, layer, number, on, state } from "./state.js";
import { visible } from "./viewer.js";

const root = document.getElementById("compress");
const GOALS = [
  ["psnr", "PSNR ≥ … dB", "db", 45], ["rate", "rate ≤ … bits/sample", "bpppc", 0.5],
  ["max_error", "largest error ≤ …", "dn", 2], ["sam", "spectral angle ≤ … °", "deg", 0.5],
  ["relative_error", "relative error ≤ … %", "percent", 1], ["lossless", "lossless", null, null],
];
const MEASURES = [["psnr_db", "PSNR / dB"], ["sam_deg", "mean spectral angle / °"], ["max_error", "largest error"]];
const SHADES = ["#2f8fdd", "#dd6318", "#00996f", "#c46a9b", "#c98a00", "#7a6ff0", "#8a6d5a"];
const parts = {};
let codecs = [], trials = [], timer = 0, known = "";

export async function start() {
  parts.codec = el("select", { id: "codec", onchange: limit });
  parts.about = el("p", { className: "note" });
  parts.goal = el("select", { id: "goal", onchange: limit }, ...GOALS.map(([value, name]) => el("option", { value }, name)));
  parts.value = el("input", { type: "number", id: "goal-value", min: 0, step: "any", "aria-label": "Value of the goal" });
  parts.scope = el("select", { id: "scope" }, el("option", { value: "window" }, "the visible window"), el("option", { value: "region" }, "the drawn region"), el("option", { value: "all" }, "all of it"));
  parts.layer = el("select", { id: "compress-layer" });
  parts.run = el("button", { type: "button", id: "run", className: "primary", onclick: run }, "Compress");
  parts.list = el("div", { id: "trials", "aria-live": "polite" });
  parts.measure = el("select", { id: "measure", "aria-label": "Quality measure", onchange: draw }, ...MEASURES.map(([value, name]) => el("option", { value }, name)));
  parts.plot = el("div", { id: "rd" });
  root.append(
    el("h2", {}, "Try a codec"),
    el("div", { className: "grid2" }, field("Scene", parts.layer), field("Part", parts.scope)),
    field("Codec", parts.codec), parts.about,
    el("div", { className: "grid2" }, field("Goal", parts.goal), field("Value", parts.value)),
    el("div", { className: "row" }, parts.run),
    el("h2", {}, "Rate and quality"), parts.measure, parts.plot,
    el("h2", {}, "Trials"), parts.list,
  );
  on(["layers"], fillLayers);
  fillLayers();
  codecs = (await tried(() => get("codecs"))) ?? [];
  parts.codec.replaceChildren(
    el("option", { value: "" }, "the best for the goal"),
    ...codecs.map((codec) => el("option", { value: codec.name, disabled: Boolean(codec.missing) }, codec.name + (codec.missing ? " (not installed)" : ""))),
  );
  parts.goal.dataset.last = "";
  limit();
  poll();
}

function fillLayers() {
  const kept = parts.layer.value;
  parts.layer.replaceChildren(...state.layers.filter((each) => each.trial === null).map((each) => el("option", { value: each.id }, each.name)));
  parts.layer.value = kept || "0";
}

/** Offer only the goals that the codec keeps, and a first value for each. */
function limit() {
  const codec = codecs.find((each) => each.name === parts.codec.value);
  for (const option of parts.goal.options) option.disabled = Boolean(codec) && !codec.goals.includes(option.value);
  if (parts.goal.selectedOptions[0]?.disabled) parts.goal.value = [...parts.goal.options].find((option) => !option.disabled)?.value ?? "";
  parts.about.textContent = codec?.summary ?? "";
  const goal = GOALS.find(([value]) => value === parts.goal.value);
  if (goal && parts.goal.dataset.last !== goal[0]) {
    parts.value.value = goal[3] ?? "";
    parts.goal.dataset.last = goal[0];
  }
  parts.value.disabled = !goal?.[2];
}

async function run() {
  const [kind, , name] = GOALS.find(([value]) => value === parts.goal.value) ?? [];
  if (!kind) return;
  const goal = name ? { goal: kind, [name]: Number(parts.value.value) } : { goal: kind };
  const scope = parts.scope.value;
  const region = state.region && [state.region.top, state.region.left, state.region.bottom, state.region.right];
  const window = scope === "all" ? null : scope === "region" ? region ?? visible() : visible();
  const done = await tried(() => post("compress", { layer: Number(parts.layer.value), codec: parts.codec.value || null, goal, window }));
  if (done) poll();
}

async function poll() {
  clearTimeout(timer);
  const found = await tried(() => get("trials"));
  if (found) {
    const fresh = found.some((trial) => trial.layer !== null && !layer(trial.layer));
    trials = found;
    if (fresh) await adopt();
    list();
    draw();
  }
  const alive = trials.some((trial) => ["running", "waiting"].includes(trial.state));
  timer = setTimeout(poll, alive ? 400 : 3000); // another window may have begun one
}

async function adopt() {
  const session = await tried(() => get("session"));
  if (!session) return;
  const first = state.layers.length;
  change({ layers: session.layers, frame: session.frame });
  if (state.a === state.b && session.layers.length > first) change({ b: first });
}

const percent = (step) => (step.total ? Math.floor((100 * step.done) / step.total) : 0);

function list() {
  const now = JSON.stringify(trials);
  if (now === known) return;
  known = now;
  if (!trials.length) return parts.list.replaceChildren(el("p", { className: "note" }, "Nothing tried yet. Results stay until the explorer ends; save what you want to keep."));
  const focus = document.activeElement?.id;
  parts.list.replaceChildren(...[...trials].reverse().map(card));
  if (focus) document.getElementById(focus)?.focus();
}

function card(trial) {
  const { report, state: is } = trial;
  const where = trial.window ? `${trial.window[2] - trial.window[0]} × ${trial.window[3] - trial.window[1]} pixels of ${trial.name}` : `all of ${trial.name}`;
  const box = el("article", { className: "trial", id: `trial-${trial.id}` }, el("h3", {}, `#${trial.id} ${report?.codec ?? trial.codec ?? "best"}, ${trial.goal}`), el("p", {}, where));
  if (is === "running" || is === "waiting") {
    const known = is === "running" && trial.step.done > 0;
    const bar = el("progress", { "aria-label": `Progress of trial ${trial.id}`, max: 100 });
    if (known) bar.value = percent(trial.step);
    const said = is === "waiting" ? "waiting" : trial.step.task ? `${trial.step.task}${known ? `, ${percent(trial.step)} %` : ""} ${trial.step.note ?? ""}` : "starting";
    box.append(bar, el("p", {}, said), el("div", { className: "row" }, el("button", { type: "button", id: `cancel-${trial.id}`, onclick: () => cancel(trial) }, "Cancel")));
  } else if (is === "done") {
    const quality = report.max_error === 0 ? "lossless" : `${report.psnr_db.toFixed(2)} dB (peak ${number(report.psnr_peak)}), ${report.sam_deg === null ? "" : `${number(report.sam_deg, 3)}°, `}off by ${number(report.max_error)} at most`;
    box.append(
      el("p", {}, `${bytes(report.bytes)}: ${report.bpppc.toFixed(4)} bits per sample, ${report.ratio.toFixed(1)} times smaller`), el("p", {}, `${quality}; ${report.seconds.toFixed(1)} s`),
      el("div", { className: "row" },
        el("button", { type: "button", id: `show-${trial.id}`, onclick: () => showResult(trial) }, "Compare"),
        el("a", { className: "button", id: `save-${trial.id}`, href: address("result", { id: trial.id }), download: "" }, "Save"),
        el("button", { type: "button", id: `copy-${trial.id}`, onclick: (event) => copy(trial, event.target) }, "Copy the command")),
      el("details", {}, el("summary", { className: "note" }, "Command"), el("code", {}, trial.command)),
    );
  } else box.append(el("p", { className: is === "failed" ? "bad" : "" }, is === "failed" ? trial.message ?? "failed" : "cancelled"));
  return box;
}

async function cancel(trial) {
  if (await tried(() => post("cancel", { id: trial.id }))) poll();
}

function showResult(trial) {
  const source = state.layers.find((each) => each.name === trial.name && each.trial === null)?.id ?? state.a;
  change({ a: source, b: trial.layer, mode: state.mode === "single" ? "swipe" : state.mode });
}

async function copy(trial, button) {
  try {
    await navigator.clipboard.writeText(trial.command);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from below";
    button.closest(".trial").querySelector("details").open = true;
  }
}

// --- the plot ---------------------------------------------------------------------------------------

function draw() {
  const key = parts.measure.value;
  const done = trials.filter((trial) => trial.state === "done");
  if (!done.length) return parts.plot.replaceChildren(el("p", { className: "note" }, "Each trial becomes a point here."));
  const finite = done.filter((trial) => trial.report[key] !== null).map((trial) => trial.report[key]);
  const rates = done.map((trial) => trial.report.bpppc);
  const most = finite.length ? Math.max(...finite) : 1, least = finite.length ? Math.min(...finite) : 0;
  const room = (most - least) * 0.15 || Math.abs(most) * 0.1 || 1;
  const y = [key === "psnr_db" ? Math.max(0, least - room) : 0, most + room];
  const plot = new Plot({ label: "Rate against quality", height: 240, x: [0, Math.max(...rates) * 1.1], y, xLabel: "bits per sample", yLabel: MEASURES.find(([value]) => value === key)[1] });
  const names = [...new Set(done.map((trial) => trial.report.codec))];
  names.forEach((name, i) => {
    const points = done.filter((trial) => trial.report.codec === name).sort((one, other) => one.report.bpppc - other.report.bpppc);
    const heights = points.map((trial) => trial.report[key] ?? y[1] - room / 3);
    plot.line(points.map((trial) => trial.report.bpppc), heights, { colour: SHADES[i % SHADES.length], width: 1, dash: "3 3" });
    points.forEach((trial, k) => {
      const point = mark(i, plot.atX(trial.report.bpppc), plot.atY(heights[k]), SHADES[i % SHADES.length]);
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = `#${trial.id} ${name}, ${trial.goal}: ${trial.report.bpppc.toFixed(4)} bits per sample`;
      point.append(title);
      point.style.cursor = "pointer";
      point.addEventListener("click", () => showResult(trial));
      plot.front.append(point);
    });
  });
  const keys = el("ul", { className: "key" }, ...names.map((name, i) => {
    const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    sample.setAttribute("width", 16);
    sample.setAttribute("height", 16);
    sample.append(mark(i, 8, 8, SHADES[i % SHADES.length]));
    return el("li", {}, sample, name);
  }));
  const perfect = done.some((trial) => trial.report[key] === null) ? el("p", { className: "note" }, "Lossless results stand at the upper edge.") : "";
  const mixed = new Set(done.map((trial) => `${trial.name} ${trial.window}`)).size > 1 ? el("p", { className: "note" }, "These trials are of different windows: compare them with care.") : "";
  parts.plot.replaceChildren(plot.root, keys, perfect, mixed);
}
