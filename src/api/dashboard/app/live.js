// What happens, as it happens: Server-Sent Events over `fetch`, since an `EventSource` cannot send a token. A connection
// that is lost is said at once and tried again until it is back; a server without a stream is asked every two seconds.

import { headers } from "./api.js";

/** The server sends a comment every ten seconds: after this many milliseconds of silence it is gone. */
const SILENCE = 25_000;
/** Waits between attempts, in milliseconds. */
const FIRST_WAIT = 400;
const LONGEST_WAIT = 4_000;
/** How often the server is asked by a page that nobody sees, in milliseconds: its title still tells of trouble. */
const UNSEEN = 30_000;
/** How often a server without a stream is asked, in milliseconds. */
const POLL = 2_000;

/**
 * Emits `link` (detail: `live`, `polling`, `lost`, `refused`), `entry`, `changed`, and `fresh` when everything may have
 * changed since.
 */
export class Live extends EventTarget {
  #last = null;
  #abort = null;
  #wake = null;

  start() {
    // A page that nobody sees needs no connection: a browser opens six to a server, for all its tabs together.
    document.addEventListener("visibilitychange", () => this.#seen());
    window.addEventListener("pagehide", () => this.#abort?.abort());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#seen());
    this.#run();
  }

  #seen() {
    if (document.visibilityState === "hidden") this.#abort?.abort();
    this.#wake?.();
  }

  /** Somebody found nobody: the connection is tried, without waiting for its silence. */
  doubt() {
    this.#abort?.abort();
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Waits so long, or until the page is seen again. */
  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #run() {
    let wait = FIRST_WAIT;
    for (;;) {
      if (document.visibilityState === "hidden") {
        await this.#pause(UNSEEN);
        this.#emit("fresh");
        continue;
      }
      const outcome = await this.#listen(() => {
        wait = FIRST_WAIT;
      });
      if (outcome === "absent") return this.#poll();
      if (document.visibilityState === "hidden") continue;
      if (outcome === "crowded") {
        // Too many watch already: asked from time to time until there is a place.
        this.#emit("link", "polling");
        this.#emit("fresh");
        await this.#pause(LONGEST_WAIT);
        continue;
      }
      this.#emit("link", outcome);
      await this.#pause(wait);
      wait = Math.min(LONGEST_WAIT, wait * 1.6);
    }
  }

  /** One connection, to its end. */
  async #listen(opened) {
    const abort = new AbortController();
    this.#abort = abort;
    let watchdog = setTimeout(() => abort.abort(), SILENCE);
    try {
      const more = { Accept: "text/event-stream" };
      if (this.#last !== null) more["Last-Event-ID"] = this.#last;
      const response = await fetch("/v1/stream", { headers: headers(more), cache: "no-store", signal: abort.signal });
      if (response.status === 404) return "absent";
      if (response.status === 429) return "crowded";
      if (response.status === 401 || response.status === 403) return "refused";
      if (!response.ok || response.body === null) return "lost";
      opened();
      this.#emit("link", "live");
      this.#emit("fresh");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "lost";
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), SILENCE);
        text = this.#take(text + value.replaceAll("\r\n", "\n"));
      }
    } catch {
      return "lost";
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }

  /** Emits the whole events in `text`; what is left is the beginning of the next. */
  #take(text) {
    const blocks = text.split("\n\n");
    const rest = blocks.pop();
    for (const block of blocks) {
      let [type, data] = ["message", ""];
      for (const line of block.split("\n")) {
        if (line.startsWith(":")) continue;
        const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (field === "event") type = value;
        else if (field === "data") data += data ? `\n${value}` : value;
        else if (field === "id") this.#last = value;
      }
      if (data === "") continue;
      try {
        this.#emit(type, JSON.parse(data));
      } catch {
        // What is not JSON is not for us.
      }
    }
    return rest;
  }

  async #poll() {
    for (;;) {
      try {
        const response = await fetch("/healthz", { cache: "no-store" });
        this.#emit("link", response.ok ? "polling" : "lost");
        if (response.ok) this.#emit("fresh");
      } catch {
        this.#emit("link", "lost");
      }
      await this.#pause(POLL);
    }
  }
}
