// What is known of the services: one line each, brought up to date by name.

import { get } from "./api.js";
import { setClock } from "./words.js";

/** Names asked for at once; more than that, and everything is asked for. */
const AT_ONCE = 200;
/** Worst first. */
const RANK = { down: 0, degraded: 1, waiting: 2, well: 3 };

/** Whether an operator laid something upon one of its endpoints. */
export const isByHand = (line) => line.endpoints.some((lamp) => lamp.forced !== null);

/** Emits `change` after each answer. */
export class Store extends EventTarget {
  /** By name. */
  lines = new Map();
  /** Everything else that the server said: node, version, overrides. */
  head = null;
  #names = new Set();
  #all = false;
  #busy = false;

  /** Asks for these services again; without names for all. */
  refresh(names) {
    if (names === undefined || names.length > AT_ONCE) this.#all = true;
    else for (const name of names) this.#names.add(name);
    if (this.#names.size > AT_ONCE) this.#all = true;
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    try {
      while (this.#all || this.#names.size > 0) {
        const names = this.#all ? null : [...this.#names];
        this.#all = false;
        this.#names.clear();
        const query = names === null ? {} : { service: names.join(",") };
        this.#take(await get("/v1/overview", query), names);
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      this.#busy = false;
    }
  }

  #take({ services, ...head }, names) {
    setClock(head.at_unix_ms);
    this.head = head;
    if (names === null) this.lines.clear();
    else for (const name of names) this.lines.delete(name);
    for (const line of services) this.lines.set(line.name, line);
    const gone = this.lines.size !== head.total;
    this.dispatchEvent(new CustomEvent("change", { detail: names }));
    // A reload added or took away services that nobody named.
    if (gone && names !== null) this.#all = true;
  }

  /** How many there are of what. */
  counts() {
    const counts = { all: this.lines.size, down: 0, degraded: 0, waiting: 0, well: 0, hand: 0, endpoints: 0, up: 0 };
    for (const line of this.lines.values()) {
      counts[line.state] += 1;
      if (isByHand(line)) counts.hand += 1;
      counts.endpoints += line.endpoints.length;
      for (const lamp of line.endpoints) if (lamp.state === "up" || lamp.state === "unchecked") counts.up += 1;
    }
    return counts;
  }

  /** The lines that match, worst first, then by name. `filter`: `all`, `down`, `degraded`, `hand`. */
  found(query, filter) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const line of this.lines.values()) {
      if (filter === "hand" ? !isByHand(line) : filter !== "all" && line.state !== filter) continue;
      if (words.length > 0 && !words.every((word) => haystack(line).includes(word))) continue;
      found.push(line);
    }
    return found.sort((a, b) => RANK[a.state] - RANK[b.state] || (a.name < b.name ? -1 : 1));
  }
}

/** What a search looks through. */
function haystack(line) {
  line.hay ??= [line.name, line.policy, ...line.answers, ...line.endpoints.map((lamp) => lamp.name)].join(" ").toLowerCase();
  return line.hay;
}
