// Failovers as chains: first failed probe, verdict, publication, first changed answer, with the time between them.

import { getIfThere } from "./api.js";
import { h, redraw, soon } from "./dom.js";
import { clock, latency, whole } from "./words.js";

/** Chains that are shown. */
const SHOWN = 3;

const CAUSES = { probe: "a probe", operator: "an operator", plan: "a new configuration", other: "time passing" };

/** One stop on the way, so many microseconds after the one before. */
export function station(name, at, after, known, without = "") {
  return h(
    "li",
    { class: known ? "station" : "station unknown" },
    h("span", { class: "gap" }, after !== null && after !== undefined ? `+${latency(after)}` : ""),
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "stop" }, name),
    h("span", { class: "at" }, known ? (at ? clock(at) : "") : without),
  );
}

function chain({ service, to, complete, chain: one }) {
  const began = one.cause === "probe" ? "first failed probe" : one.cause === "operator" ? "command" : "cause";
  const start = one.first_probe_unix_ms ?? one.verdict_unix_ms ?? one.published_unix_ms;
  const publish = (one.decision_us ?? 0) + (one.publish_us ?? 0);
  return h(
    "li",
    { class: "chain" },
    h(
      "p",
      { class: "chain-head" },
      h("a", { href: `#service/${encodeURIComponent(service)}` }, service),
      ` answers ${to.slice(0, 2).join(", ") || "nothing"}${to.length > 2 ? ` and ${to.length - 2} more` : ""}, by ${CAUSES[one.cause] ?? one.cause}, `,
      h("time", { title: whole(one.published_unix_ms) }, clock(one.published_unix_ms)),
      one.total_us !== null && one.total_us !== undefined && h("span", { class: "tag" }, `${latency(one.total_us)} in all`),
    ),
    h(
      "ol",
      { class: "stations" },
      one.cause === "probe" && station(began, start, null, true),
      one.verdict_unix_ms != null && station("verdict", one.verdict_unix_ms, one.detection_us, true),
      station("new answer in force", one.published_unix_ms, one.verdict_unix_ms != null ? publish : null, true),
      station("first answer sent", one.first_answer_unix_ms, one.first_answer_us, one.first_answer_unix_ms != null, complete ? "nobody asked" : "not yet"),
    ),
  );
}

/** Draws the latest failovers into `place`, and again when an answer changed. */
export function showFailovers(place, service, news) {
  let left = false;
  const look = async () => {
    try {
      const page = await getIfThere("/v1/failovers", { service, limit: SHOWN });
      const chains = page?.items ?? [];
      if (left) return;
      redraw(place, chains.length > 0 && h("details", { open: true, data: { key: "chains" } }, h("summary", {}, "Latest failovers"), h("ol", {}, chains.map(chain))));
    } catch {
      // The connection says so itself.
    }
  };
  const lookSoon = soon(look);
  const onEntry = ({ detail }) => {
    if (["answer-changed", "failover"].includes(detail.kind)) lookSoon();
  };
  news.addEventListener("entry", onEntry);
  news.addEventListener("fresh", look);
  look();
  return {
    leave: () => {
      left = true;
      news.removeEventListener("entry", onEntry);
      news.removeEventListener("fresh", look);
    },
  };
}
