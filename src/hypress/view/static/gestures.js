// Hands: mouse, touch, pen and keyboard on the picture, and the swipe bar.

import { change, state } from "./state.js";
import { fit, hover, move, pick, pickPixel, pickRegion, toScene, view, zoom, zoomTo } from "./viewer.js";

const STILL = 5; // a pointer that moved less has clicked

function listenToPointer(canvas, stage) {
  const pointers = new Map();
  let start = null, pinch = null;

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = place(event);
    pointers.set(event.pointerId, at);
    start = { ...at, scene: toScene(at.x, at.y), moved: false, region: event.shiftKey || state.drawing };
    pinch = null;
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    hover(at.x, at.y);
    const last = pointers.get(event.pointerId);
    if (!last) return;
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) {
      const [one, other] = [...pointers.values()];
      const now = { span: Math.hypot(one.x - other.x, one.y - other.y), x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
      if (pinch) {
        move((now.x - pinch.x) / view.scale, (now.y - pinch.y) / view.scale);
        zoom(now.span / pinch.span, now.x, now.y);
      }
      pinch = now;
      if (start) start.moved = true;
      return;
    }
    if (!start) return;
    start.moved ||= Math.hypot(at.x - start.x, at.y - start.y) > STILL;
    if (!start.moved) return;
    if (start.region) pickRegion(start.scene, toScene(at.x, at.y));
    else move((at.x - last.x) / view.scale, (at.y - last.y) / view.scale);
  });

  const end = (event) => {
    const had = pointers.delete(event.pointerId);
    if (had && start && !start.moved && event.type === "pointerup") pick(start.x, start.y);
    if (had && start?.region && start.moved) change({ drawing: false });
    if (!pointers.size) start = null;
    pinch = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = place(event);
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), at.x, at.y);
  }, { passive: false });

  listenToSwipe(document.getElementById("swipe"), place, canvas);
}

function listenToSwipe(bar, place, canvas) {
  const set = (share) => change({ split: Math.min(1, Math.max(0, share)) });
  bar.addEventListener("pointerdown", (event) => bar.setPointerCapture(event.pointerId));
  bar.addEventListener("pointermove", (event) => {
    if (bar.hasPointerCapture(event.pointerId)) set(place(event).x / canvas.clientWidth);
  });
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set(state.split + by);
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MODES = { o: "single", s: "swipe", b: "side", d: "map" };

function listenToKeys(canvas) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const letter = event.key.toLowerCase();
    if (arrow && event.shiftKey && state.region) {
      pickPixel(state.region.top + arrow[1], state.region.left + arrow[0]);
    } else if (arrow) {
      const step = 60 / view.scale;
      move(-arrow[0] * step, -arrow[1] * step);
    } else if (event.key === "+" || event.key === "=") zoom(1.4);
    else if (event.key === "-") zoom(1 / 1.4);
    else if (event.key === "0") fit();
    else if (event.key === "1") zoomTo(1);
    else if (event.key === "Enter") pickPixel(Math.floor(view.y), Math.floor(view.x));
    else if (letter === "r") change({ drawing: !state.drawing });
    else if (letter === "x") change({ a: state.b, b: state.a });
    else if (letter in MODES) {
      if (state.layers.length > 1 || MODES[letter] === "single") change({ mode: MODES[letter] });
    } else return;
    event.preventDefault();
  });
}

export function start() {
  const canvas = document.getElementById("canvas");
  listenToPointer(canvas, document.getElementById("stage"));
  listenToKeys(canvas);
}
