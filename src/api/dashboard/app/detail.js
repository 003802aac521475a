// One service in full: what it answers and why, its endpoints, what happened lately, and the levers.

import { get, Problem } from "./api.js";
import { drill, failover } from "./command.js";
import { h, redraw } from "./dom.js";
import { endpointItem } from "./endpoint.js";
import { lamp, since, STATE_WORDS } from "./lamp.js";
import { serviceName } from "./row.js";
import { staleStrips, stripsOf, wantStrips } from "./strips.js";
import { entriesOf } from "./timeline.js";
import { many, reason } from "./words.js";

/** How often an open service is asked for, in milliseconds. */
const LOOK = 2_000;
/** Endpoints that are drawn at first. */
const FIRST = 40;
const WHEN_ALL_DOWN = { last: "keep the last answer", "assume-up": "answer as if all were up", none: "answer nothing", servfail: "answer SERVFAIL" };

function answer(family, { addresses, pick, why }) {
  return h(
    "div",
    { class: "given" },
    h("span", { class: "family" }, family),
    h("div", {}, addresses.length > 0 ? h("p", { class: "addresses" }, addresses.slice(0, 12).map((one) => [h("code", {}, one), " "]), addresses.length > 12 && `and ${addresses.length - 12} more`) : h("p", { class: "addresses none" }, pick === "servfail" ? "SERVFAIL" : "no address"), h("p", { class: "why" }, why, addresses.length > 1 && ` (${pick})`)),
  );
}

function levers(status, drills) {
  const button = (key, text, work, kind = "") => h("button", { type: "button", class: kind, data: { key }, on: { click: work } }, text);
  const members = status.endpoints.map((one) => one.name);
  return h(
    "div",
    { class: "actions" },
    status.policy === "failover" && button("failover", "Fail over…", () => failover(status.service, members), status.proposed ? "primary" : ""),
    drills && button("drill", "Drill…", () => drill(status.service)),
    h("a", { class: "button", href: `#explain/${encodeURIComponent(status.service)}`, data: { key: "explain" } }, "Explain"),
    h("a", { class: "button", href: `#timeline/${encodeURIComponent(status.service)}`, data: { key: "timeline" } }, "Timeline"),
  );
}

function settings(status) {
  const all = WHEN_ALL_DOWN[status.when_all_down] ?? status.when_all_down;
  return h("p", { class: "settings" }, `${status.policy} · switch ${status.switch} · fail-back ${status.failback} · TTL ${status.ttl} s (${status.ttl_mode}) · when all are down: ${all}`);
}

function rails(endpoints) {
  const last = endpoints.findLastIndex((one) => one.answered);
  return endpoints.map((_, index) => (index < last ? "through" : "by"));
}

/** The view of a service. */
export function makeDetail(store, { hasDrills }) {
  return (name) => {
    const head = h("div", { class: "detail-head" });
    const now = h("section", { class: "answers-now", "aria-label": "Answers now" });
    const ends = h("ol", { class: "endpoints", "aria-label": "Endpoints" });
    const more = h("div", { class: "more" });
    const lately = h("section", { class: "lately", "aria-label": "What happened lately" });
    const element = h("article", { class: "detail" }, head, now, ends, more, lately);
    let [shown, status, closed, limit] = ["", null, false, FIRST];

    const draw = () => {
      if (status === null) return;
      const line = store.lines.get(name);
      const strips = stripsOf(name);
      const state = line?.state ?? "waiting";
      redraw(
        head,
        h("a", { class: "close", href: "#services", "aria-label": "Close, back to all services" }, "×"),
        h("h2", {}, lamp(state, STATE_WORDS[state]), h("span", {}, serviceName(name))),
        settings(status),
        status.degraded && h("p", { class: "alert" }, lamp(state === "down" ? "down" : "degraded"), status.degraded),
        status.proposed && h("p", { class: "alert" }, lamp("hand"), `An operator decides here: ${status.proposed} is proposed.`),
        levers(status, hasDrills()),
      );
      redraw(
        now,
        h("h3", {}, "Answers now", line?.since_unix_ms ? [" ", since(line.since_unix_ms, { prefix: "for " })] : ""),
        answer("A", status.a),
        (status.aaaa.addresses.length > 0 || status.a.addresses.length === 0) && answer("AAAA", status.aaaa),
        status.by_hand && h("p", { class: "why" }, "An operator put the active member there."),
      );
      const some = status.endpoints.slice(0, limit);
      const tracks = rails(some);
      redraw(ends, some.map((one, index) => endpointItem(name, one, strips, tracks[index])));
      const left = status.endpoints.length - some.length;
      redraw(more, left > 0 && h("button", { type: "button", data: { key: "more" }, on: { click: () => ((limit += 200), draw()) } }, `Show ${many(left, "more endpoint")}`));
    };

    const look = async () => {
      wantStrips(name, draw);
      try {
        [status] = await get("/v1/status", { service: name });
        const text = JSON.stringify(status, (key, value) => (["for_ms", "left_ms"].includes(key) ? undefined : value));
        if (closed || text === shown) return;
        shown = text;
        draw();
      } catch (error) {
        // Without a connection the bar says so, and what is shown stands.
        if (error instanceof Problem) redraw(head, h("a", { class: "close", href: "#services", "aria-label": "Close" }, "×"), h("h2", {}, name), h("p", { class: "alert" }, lamp("down"), reason(error)));
      }
    };
    const changed = ({ detail }) => {
      if (detail === null || detail.includes(name)) look();
    };
    const events = entriesOf(name, lately);
    look();
    store.addEventListener("change", changed);
    const timer = setInterval(look, LOOK);
    return {
      element,
      title: `Service ${name}`,
      leave: () => {
        closed = true;
        clearInterval(timer);
        events.leave();
        staleStrips([name]);
        store.removeEventListener("change", changed);
      },
    };
  };
}
