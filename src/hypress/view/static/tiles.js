// Picture tiles: fetched nearest first, a few at a time, dropped when they leave the screen, bounded in number.

import { picture, tell } from "./api.js";

const AT_ONCE = 4;
const KEPT = 600;
const AGAIN = 350; // ms after which a tile that is not final is asked for again

export class Tiles {
  constructor(changed) {
    this.changed = changed;
    this.kept = new Map(); // url -> {bitmap, exact, overview, problem, due}
    this.running = new Map(); // url -> AbortController
    this.failed = new Map(); // url -> when it may be tried again
    this.wanted = [];
    this.overview = false; // whether something on the screen is of a store's coarse copy
    this.timer = 0;
  }

  get(url) {
    const found = this.kept.get(url);
    if (found) {
      this.kept.delete(url);
      this.kept.set(url, found);
    }
    return found;
  }

  /** What is on the screen now, the most urgent first; everything else is forgotten. */
  want(urls) {
    const set = new Set(urls);
    for (const [url, controller] of this.running) if (!set.has(url)) controller.abort();
    const now = performance.now();
    this.wanted = urls.filter((url) => {
      const found = this.kept.get(url);
      return !(found && (found.exact || found.due > now)) && !this.running.has(url) && !((this.failed.get(url) ?? 0) > now);
    });
    this.open = urls.some((url) => !this.kept.get(url)?.exact && !this.kept.get(url)?.problem);
    this.overview = urls.some((url) => this.kept.get(url)?.overview);
    this.next();
  }

  get busy() {
    return this.running.size > 0 || this.open;
  }

  next() {
    while (this.running.size < AT_ONCE && this.wanted.length) this.fetch(this.wanted.shift());
  }

  async fetch(url) {
    const controller = new AbortController();
    this.running.set(url, controller);
    try {
      const tile = await picture(url, controller.signal);
      this.kept.get(url)?.bitmap.close();
      this.kept.set(url, { ...tile, due: performance.now() + (tile.problem ? 5000 : AGAIN) });
      if (tile.problem) tell(tile.problem);
      this.trim();
      if (!tile.exact) this.later();
    } catch (error) {
      if (error.name !== "AbortError") {
        tell(error.message);
        this.failed.set(url, performance.now() + 5000);
      }
    } finally {
      this.running.delete(url);
      this.changed();
    }
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.changed, AGAIN + 20);
  }

  trim() {
    for (const [url, tile] of this.kept) {
      if (this.kept.size <= KEPT) return;
      tile.bitmap.close();
      this.kept.delete(url);
    }
  }
}
