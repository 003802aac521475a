// One endpoint of a service, with its evidence, its history and what can be done with it.

import { drain, force, release } from "./command.js";
import { h, s } from "./dom.js";
import { mean, sparkline, strip } from "./draw.js";
import { endpointLamp, FORCED_WORDS, lamp, since, STATE_WORDS } from "./lamp.js";
import { clock, latency, length, many, now, percent, whole } from "./words.js";

const DAY = 86_400_000;

/** The lamp of one address. */
function stateOf(address) {
  if (address.probe === null) return "unchecked";
  const { real, effective, held } = address.probe;
  if (effective === "down" && real !== "down" && held !== null) return "held";
  return effective;
}

/** The worst state of several. */
function worst(states) {
  const order = ["down", "held", "degraded", "unknown", "up", "unchecked"];
  return order.find((state) => states.includes(state)) ?? "unknown";
}

/** How it was taken out, until when, and whether its server may be stopped. */
function forced(endpoint) {
  const over = endpoint.forced;
  if (over === null) return null;
  const wait = over.wait;
  return h(
    "div",
    { class: "by-hand" },
    lamp(over.state === "drain" ? "drain" : "hand"),
    h(
      "p",
      {},
      h("b", {}, FORCED_WORDS[over.state] ?? over.state),
      ` by ${over.by}`,
      over.reason && `: “${over.reason}”`,
      " ",
      since(over.since_unix_ms, { prefix: "for " }),
      over.until_unix_ms !== null && `, until ${clock(over.until_unix_ms)}`,
      over.break_glass && h("span", { class: "tag danger" }, "past a rule"),
      over.place && ` (${over.place})`,
      over.hides && h("span", { class: "warn" }, ` It hides: ${over.hides}.`),
      wait && (wait.safe ? h("span", { class: "safe" }, " Safe to stop: no cache holds it.") : ` Not safe to stop yet${wait.left_ms ? `: caches may hold it for ${length(wait.left_ms)} more` : ""}${wait.still_answered_by.length ? `; still answered by ${wait.still_answered_by.join(", ")}` : ""}.`),
    ),
  );
}

/** What a probe stream shows, as facts. */
function probe(one, key) {
  const bad = one.evidence;
  return h(
    "div",
    { class: "probe" },
    bad !== null && bad.text !== "" && h("p", { class: "evidence" }, bad.text),
    h(
      "dl",
      {},
      fact("Check", `${one.check} → ${one.target}`),
      fact("State", [STATE_WORDS[one.effective] ?? one.effective, one.real !== one.effective && `, probes say ${one.real}`, " ", since(one.since_unix_ms, { prefix: "for " })]),
      one.last !== null && fact("Last probe", [one.last, one.last_probe_unix_ms !== null && [", ", since(one.last_probe_unix_ms), " ago"]]),
      one.latency_us !== null && fact("Latency", latency(one.latency_us)),
      one.failures_in_a_row > 0 && fact("Failures", `${one.failures_in_a_row} in a row; ${one.failures_asked} make it down`),
      one.held !== null && fact("Held", one.held),
      one.degraded !== null && fact("Less than well", one.degraded),
      one.claim !== null && fact("Says it is", one.claim + (one.lag_ms !== null ? `, ${one.lag_ms} ms behind` : "") + (one.as_expected ? "" : " (not as expected)")),
      one.certificate_expiry !== null && fact("Certificate", `${one.certificate_expiry * 1000 < now() ? "ended" : "ends"} ${whole(one.certificate_expiry * 1000)}`, one.certificate_expiry * 1000 - now() < 14 * DAY ? "warn" : ""),
      fact("So far", `${many(one.probes, "probe")}, ${one.failures} failed${one.own_faults ? `, ${one.own_faults} by this node's own fault` : ""}`),
    ),
    bad !== null && bad.body !== "" && h("details", { data: { key: `${key}/body` } }, h("summary", {}, "What it sent"), h("pre", { tabindex: "0" }, bad.body)),
    one.parts.length > 0 && h("details", { data: { key: `${key}/parts` } }, h("summary", {}, many(one.parts.length, "part")), one.parts.map((part, index) => h("section", { class: "part" }, lamp(part.effective, part.effective), probe(part, `${key}/${index}`)))),
  );
}

function fact(name, value, kind = "") {
  return [h("dt", {}, name), h("dd", { class: kind }, value)];
}

function address(one, endpoint, key) {
  const state = stateOf(one);
  return h(
    "section",
    { class: "address-card" },
    h("h4", {}, lamp(state), h("code", {}, one.address), h("span", { class: `word ${state}` }, STATE_WORDS[state])),
    one.cached_ms !== null && h("p", { class: "cached" }, `Answered no more; caches may hold it for ${length(one.cached_ms)}.`),
    one.probe !== null && probe(one.probe, `${key}/${one.address}`),
    one.shadow !== null && h("details", { data: { key: `${key}/${one.address}/shadow` } }, h("summary", {}, "In shadow (counts for nothing)"), probe(one.shadow, `${key}/shadow`)),
  );
}

/** What can be done with it. */
function actions(service, endpoint, key) {
  const select = `${service}/${endpoint.name}`;
  const over = endpoint.forced;
  const button = (verb, work, kind = "") => h("button", { type: "button", class: kind, data: { key: `${key}/${verb}` }, "aria-label": `${verb} ${endpoint.name}`, on: { click: work } }, verb);
  return h(
    "div",
    { class: "actions" },
    over !== null && over.place === null && button("Release", () => release(over.select)),
    over?.state !== "drain" && button("Drain", () => drain(select)),
    over?.state !== "up" && button("Force up", () => force(select, "up")),
    over?.state !== "down" && button("Force down", () => force(select, "down"), "danger"),
  );
}

function history(strips) {
  if (strips === undefined || strips.latency_us.length + strips.day.length === 0) return null;
  const row = (label, span, shares) => h("div", { class: "uptime" }, h("span", { class: "label" }, label), strip(shares, { name: `${strips.name} ${strips.address}`, span }), h("span", { class: "share" }, mean(shares) === null ? "–" : percent(mean(shares))));
  return h(
    "div",
    { class: "history" },
    strips.latency_us?.length > 0 && h("div", { class: "uptime" }, h("span", { class: "label" }, "latency"), sparkline(strips.latency_us, strips.name, { width: 240, height: 34 }), h("span", { class: "share" }, latencyNow(strips.latency_us))),
    strips.day.length > 0 && row("24 h", "last 24 hours", strips.day),
    strips.month.length > 0 && row("30 d", "last 30 days", strips.month),
  );
}

function latencyNow(values) {
  const last = values.at(-1);
  return last === null || last === undefined ? "–" : latency(last);
}

/**
 * An endpoint as an item of the list. `track` says how the rails run past it: `set` (the points lead here), `through` (they
 * lead to one below), `by` (nobody comes here).
 */
export function endpointItem(service, endpoint, strips, track) {
  const key = `end/${endpoint.name}`;
  const state = worst(endpoint.addresses.map(stateOf));
  const shown = endpointLamp({ state, forced: endpoint.forced?.state ?? null });
  const mine = strips?.filter((one) => one.name === endpoint.name) ?? [];
  return h(
    "li",
    { class: `endpoint ${shown} ${track}${endpoint.answered ? " set" : ""}` },
    s("svg", { class: "points", viewBox: "0 0 44 52", "aria-hidden": "true" }, s("path", { class: "sleepers", d: "M10 0C10 22 14 26 44 26" }), s("path", { class: "rails", d: "M10 0C10 22 14 26 44 26" })),
    h(
      "div",
      { class: "card" },
      h("h3", {}, lamp(shown), h("span", {}, endpoint.name), h("span", { class: `word ${shown}` }, endpoint.forced ? `${FORCED_WORDS[endpoint.forced.state]}, really ${STATE_WORDS[state]}` : STATE_WORDS[state]), endpoint.answered && h("span", { class: "tag" }, "answered now")),
      endpoint.alias && h("p", { class: "alias" }, "Follows ", h("code", {}, endpoint.alias.name), endpoint.alias.trouble && h("span", { class: "warn" }, ` cannot be resolved: ${endpoint.alias.trouble}`)),
      forced(endpoint),
      endpoint.addresses.map((one) => h("div", {}, address(one, endpoint, key), history(mine.find((strips) => strips.address === one.address) ?? (endpoint.addresses.length === 1 ? mine[0] : undefined)))),
      actions(service, endpoint, key),
    ),
  );
}
