// Latency and uptime of the services that are on the screen: asked for when they come into view, a few at a time, kept
// for half a minute.

import { getIfThere } from "./api.js";

/** How long what is known is good enough, in milliseconds. */
const FRESH = 30_000;
/** Requests under way at once: the browser opens six connections, and others want some. */
const AT_ONCE = 3;

const known = new Map();
const wanted = new Map();
let under_way = 0;
let absent = false;

/** What is known of this service's endpoints, perhaps old; undefined when nothing is. */
export const stripsOf = (name) => known.get(name)?.endpoints;

/** Calls `done` when something newer is known; does nothing when what is known is fresh. */
export function wantStrips(name, done) {
  const have = known.get(name);
  if (absent || (have && performance.now() - have.at < FRESH)) return;
  wanted.set(name, done);
  next();
}

/** Nobody looks at it any more. */
export const leaveStrips = (name) => wanted.delete(name);

/** Forgets how fresh things are, after something happened there. */
export function staleStrips(names) {
  for (const name of names) {
    const have = known.get(name);
    if (have) have.at = -FRESH;
  }
}

async function next() {
  if (under_way >= AT_ONCE) return;
  // The latest wish first: that is what is looked at.
  const name = [...wanted.keys()].pop();
  if (name === undefined) return;
  const done = wanted.get(name);
  wanted.delete(name);
  under_way += 1;
  try {
    const answer = await getIfThere(`/v1/services/${encodeURIComponent(name)}/strips`);
    if (answer === null && known.size === 0) absent = true;
    if (answer !== null) {
      // Without a check there is no history of it.
      const endpoints = answer.endpoints.map((one) => ({ ...one, latency_us: one.latency_us ?? [], day: one.day ?? [], month: one.month ?? [] }));
      known.set(name, { at: performance.now(), endpoints });
      done();
    }
  } catch {
    // Without a connection there are no newer ones; the next look asks again.
  } finally {
    under_way -= 1;
    if (!absent) next();
  }
}

/** Tries again after the server was another. */
export function forgetAbsence() {
  absent = false;
}
