// The timeline: what happened, newest first, and the failovers as chains.

import { getIfThere } from "./api.js";
import { h, once, redraw } from "./dom.js";
import { showFailovers } from "./failovers.js";
import { lamp } from "./lamp.js";
import { clock, day, reason, whole } from "./words.js";

const PAGE = 60;
/** Entries that are drawn while nobody asks for older ones: ten thousand may come within a second. */
const DRAWN = 200;

/** Where news come from, once set: an `EventTarget` with `entry` and `fresh`. */
let news = new EventTarget();

/** Sets where news come from. */
export function setNews(live) {
  news = live;
}

/** The mark of an entry. */
function mark({ kind, alarm, facts }) {
  if (kind === "state-changed") return facts?.to === "down" ? "down" : facts?.to === "up" ? "up" : alarm ? "down" : "up";
  if (kind === "answer-changed" || kind === "failover") return "switch";
  if (["commanded", "lapsed", "masked", "safe-to-stop", "unmatched", "proposed", "audit"].includes(kind)) return "hand";
  if (["restored", "target-restored", "rejoined", "elected"].includes(kind)) return "up";
  if (kind.endsWith("degraded") || ["held", "isolated", "braked", "not-elected", "probe-fault", "reload-refused"].includes(kind)) return "degraded";
  if (kind.startsWith("drill")) return "drill";
  return alarm ? "degraded" : "plain";
}

/** One entry as a list item. */
function item(entry, { services = true } = {}) {
  const kind = mark(entry);
  const sign = ["switch", "drill", "plain"].includes(kind) ? h("span", { class: `sign ${kind}`, "aria-hidden": "true" }) : lamp(kind);
  return h(
    "li",
    { class: `entry ${entry.alarm ? "alarm" : ""}`, data: { seq: entry.seq } },
    h("time", { datetime: new Date(entry.unix_ms).toISOString(), title: whole(entry.unix_ms) }, clock(entry.unix_ms)),
    sign,
    h(
      "div",
      { class: "what" },
      h("p", {}, entry.alarm && h("span", { class: "hidden" }, "Alarm: "), entry.text),
      h(
        "p",
        { class: "of" },
        h("span", { class: "kind" }, entry.kind.replaceAll("-", " ")),
        entry.by && ` by ${entry.by}`,
        services && entry.services.slice(0, 3).map((name) => [" ", h("a", { href: `#service/${encodeURIComponent(name)}` }, name)]),
        services && entry.services.length > 3 && ` and ${entry.services.length - 3} more`,
      ),
    ),
  );
}

/** Entries under the days on which they were. */
function byDay(entries, options) {
  const days = [];
  for (const entry of entries) {
    const title = day(entry.unix_ms);
    if (days.at(-1)?.title !== title) days.push({ title, entries: [] });
    days.at(-1).entries.push(entry);
  }
  return days.map(({ title, entries: some }) => h("section", { class: "day" }, h("h3", {}, title), h("ol", { class: "entries" }, some.map((entry) => item(entry, options)))));
}

/** Entries of one service (or all), kept up to date; `show(entries, next)` draws them, once in a frame at the most. */
function follow(query, show, failed) {
  let entries = [];
  let next = null;
  let most = query.limit ?? DRAWN;
  const draw = once(() => show(entries, next));
  const fits = (entry) => (!query.service || entry.services.length === 0 || entry.services.includes(query.service)) && (!query.alarm || entry.alarm);
  const load = async (before) => {
    try {
      const page = await getIfThere("/v1/events", { ...query, before, limit: query.limit ?? PAGE });
      if (page === null) return failed("This server keeps no history yet.");
      entries = before === undefined ? page.items : entries.concat(page.items);
      most = Math.max(most, entries.length);
      next = page.next;
      draw();
    } catch (error) {
      if (entries.length === 0) failed(reason(error));
    }
  };
  const onEntry = ({ detail }) => {
    if (!fits(detail) || detail.seq <= (entries[0]?.seq ?? 0)) return;
    entries.unshift(detail);
    if (entries.length > most) {
      entries.length = most;
      // Older ones are asked for from there.
      if (query.limit === undefined) next = entries.at(-1).seq;
    }
    draw();
  };
  const onFresh = () => load();
  news.addEventListener("entry", onEntry);
  news.addEventListener("fresh", onFresh);
  load();
  return {
    more: () => load(next),
    leave: () => {
      news.removeEventListener("entry", onEntry);
      news.removeEventListener("fresh", onFresh);
    },
  };
}

/** What happened lately to one service, drawn into `place`. */
export function entriesOf(service, place) {
  const none = h("p", { class: "quiet" }, "Nothing has happened here.");
  return follow(
    { service, limit: 12 },
    (entries) => redraw(place, h("h3", {}, "Lately"), entries.length === 0 ? none : h("ol", { class: "entries" }, entries.slice(0, 12).map((entry) => item(entry, { services: false })))),
    () => redraw(place),
  );
}

/** The view of everything, or of one service. */
export function makeTimeline(service) {
  const alarms = h("input", { type: "checkbox", name: "alarms" });
  const place = h("div", { class: "days", role: "region", "aria-label": "What happened" });
  const chains = h("section", { class: "chains", "aria-label": "Failovers" });
  const older = h("button", { type: "button", hidden: true }, "Show older");
  const element = h(
    "article",
    { class: "timeline" },
    h("div", { class: "panel-head" }, h("h2", {}, "Timeline"), h("label", { class: "switch-box" }, alarms, "alarms only")),
    service && h("p", { class: "only" }, "Only ", h("a", { href: `#service/${encodeURIComponent(service)}` }, service), ". ", h("a", { href: "#timeline" }, "Show all")),
    chains,
    place,
    older,
  );
  let following = null;
  const start = () => {
    following?.leave();
    following = follow(
      { service, alarm: alarms.checked ? "true" : undefined },
      (entries, next) => {
        redraw(place, entries.length > 0 ? byDay(entries) : h("p", { class: "quiet" }, alarms.checked ? "No alarms." : "Nothing has happened yet."));
        older.hidden = next === null;
      },
      (why) => redraw(place, h("p", { class: "quiet" }, why)),
    );
  };
  alarms.addEventListener("change", start);
  older.addEventListener("click", () => following.more());
  start();
  const failovers = showFailovers(chains, service, news);
  return {
    element,
    title: "Timeline",
    leave: () => {
      following.leave();
      failovers.leave();
    },
  };
}
