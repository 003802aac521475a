// A lamp says a state three times: by colour, by shape, and in words.

import { h, s } from "./dom.js";

/** Shapes in a field of 16 by 16; `mark` is drawn in the colour of the ground. */
const SHAPES = {
  up: { body: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z", mark: "m4.8 8.3 2.2 2.2 4.2-4.6" },
  degraded: { body: "M8 1.2 15.4 14.4H.6z", mark: "M8 6v4M8 12.1v.1" },
  down: { body: "M2.5 1h11A1.5 1.5 0 0 1 15 2.5v11a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 1 13.5v-11A1.5 1.5 0 0 1 2.5 1z", mark: "M4.2 8h7.6" },
  held: { ring: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z", body: "M8 1.8a6.2 6.2 0 0 1 0 12.4z" },
  hand: { body: "M8 .6 15.4 8 8 15.4.6 8z", mark: "M8 4.9v4.6M8 11.3v.1" },
  drain: { body: "M8 .6 15.4 8 8 15.4.6 8z", mark: "M8 4.6v6M5.6 8.4 8 10.8l2.4-2.4" },
  unknown: { ring: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z", dots: true },
  unchecked: { ring: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8z" },
};
SHAPES.well = SHAPES.up;
SHAPES.waiting = SHAPES.unknown;

/** A state in words. */
export const STATE_WORDS = {
  up: "up",
  degraded: "degraded",
  down: "down",
  held: "held down",
  unknown: "not known yet",
  unchecked: "not checked",
  well: "well",
  waiting: "waiting for first verdicts",
};

/** What an operator laid upon an endpoint, in words. */
export const FORCED_WORDS = { drain: "drained", up: "forced up", down: "forced down" };

/** The lamp's shape alone; whoever uses it writes the state beside it, or gives `label`. */
export function lamp(state, label) {
  const shape = SHAPES[state] ?? SHAPES.unknown;
  const hidden = label === undefined ? { "aria-hidden": "true" } : { role: "img", "aria-label": label };
  return s(
    "svg",
    { class: `lamp ${state}`, viewBox: "0 0 16 16", focusable: "false", ...hidden },
    shape.ring && s("path", { class: shape.dots ? "ring dots" : "ring", d: shape.ring }),
    shape.body && s("path", { class: "body", d: shape.body }),
    shape.mark && s("path", { class: "mark", d: shape.mark }),
  );
}

/** The lamp that an endpoint shows: what an operator laid upon it comes before what its probes say. */
export function endpointLamp({ state, forced }) {
  if (forced === "drain") return "drain";
  return forced === null || forced === undefined ? state : "hand";
}

/** An endpoint's state in words, the operator's hand first. */
export function endpointWords({ state, forced }) {
  const really = STATE_WORDS[state] ?? state;
  return forced ? `${FORCED_WORDS[forced]}, really ${really}` : really;
}

/** A time that goes on counting. */
export function since(ms, { short = false, prefix = "" } = {}) {
  return h("time", { data: { since: String(ms), short: short ? "" : null, prefix }, datetime: new Date(ms).toISOString() });
}
