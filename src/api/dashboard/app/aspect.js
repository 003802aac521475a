// The aspect: the one sentence that is read first, and the worst of what is wrong.

import { byId, h, once, redraw, say } from "./dom.js";
import { lamp, since } from "./lamp.js";
import { answering, serviceName } from "./row.js";
import { count, many } from "./words.js";

/** Troubles that are spelt out. */
const SPELT = 3;

/** What the whole looks like: `clear`, `caution`, `stop`, `waiting`. */
function aspectOf(counts, head) {
  if (counts.down > 0) return "stop";
  if (counts.degraded > 0 || head.isolated) return "caution";
  return counts.waiting > 0 ? "waiting" : "clear";
}

function verdict(counts, head) {
  if (head.isolated) return "This node may be cut off: its verdicts are frozen";
  if (counts.down > 0) return `${many(counts.down, "service")} ${counts.down === 1 ? "has" : "have"} nothing healthy left`;
  if (counts.degraded > 0) return `${many(counts.degraded, "service")} of ${count(counts.all)} ${counts.degraded === 1 ? "is" : "are"} not as ${counts.degraded === 1 ? "it" : "they"} should be`;
  if (counts.waiting > 0) return "Waiting for the first verdicts";
  if (counts.all === 0) return "No services are configured";
  return counts.all === 1 ? "The service answers as it should" : `All ${count(counts.all)} services answer as they should`;
}

/** Why a service is in trouble, in a sentence. */
function trouble(line) {
  if (line.degraded !== null) return line.degraded;
  const ill = line.endpoints.filter((one) => !["up", "unchecked", "unknown"].includes(one.state));
  const first = ill[0];
  if (first === undefined) return line.why;
  const rest = ill.length > 1 ? `, and ${ill.length - 1} more` : "";
  return `${first.name} is ${first.state === "held" ? "held down" : first.state}${first.note ? `: ${first.note}` : ""}${rest}`;
}

/** Since when it is in trouble: the latest change of what is wrong. */
function began(line) {
  const ill = line.endpoints.filter((one) => ["down", "held", "degraded"].includes(one.state) && one.since_unix_ms !== null);
  return ill.length === 0 ? line.since_unix_ms : Math.max(...ill.map((one) => one.since_unix_ms));
}

function troubleItem(line) {
  const from = began(line);
  const cause = line.endpoints.find((one) => one.state === "down" && one.note !== null && line.degraded !== null);
  return h(
    "li",
    { class: line.state },
    lamp(line.state, line.state),
    h("a", { href: `#service/${encodeURIComponent(line.name)}`, data: { key: line.name } }, serviceName(line.name)),
    h("span", { class: "what" }, h("span", { class: "now" }, "answers ", h("b", {}, line.answers[0] ?? "nothing"), ` (${answering(line)})`), ": ", trouble(line), cause !== undefined && `. ${cause.name}: ${cause.note}`, from !== null && [", ", since(from, { prefix: "for " })]),
  );
}

/** Draws it from the store whenever that changes. */
export function showAspect(store) {
  const draw = once(() => {
    if (store.head === null) return;
    const counts = store.counts();
    document.body.dataset.aspect = aspectOf(counts, store.head);
    say(byId("verdict"), verdict(counts, store.head));
    const rest = [`${count(counts.up)} of ${many(counts.endpoints, "endpoint")} up`];
    if (counts.down > 0 && counts.degraded > 0) rest.unshift(`${many(counts.degraded, "other")} degraded`);
    if (counts.hand > 0) rest.push(`${many(counts.hand, "service")} under an operator's hand`);
    say(byId("counts"), rest.join(" · "));
    // What happened last is what somebody was woken for.
    const latest = (lines) => lines.sort((a, b) => (began(b) ?? 0) - (began(a) ?? 0));
    const worst = latest(store.found("", "down")).concat(latest(store.found("", "degraded")));
    const more = worst.length - SPELT;
    redraw(
      byId("troubles"),
      worst.slice(0, SPELT).map(troubleItem),
      more > 0 && h("li", { class: "more" }, `and ${count(more)} more, listed below`),
    );
    const alarms = counts.down + counts.degraded;
    document.title = `${alarms > 0 ? `(${alarms}) ` : ""}${store.head.node} – pointsman`;
  });
  store.addEventListener("change", draw);
}
