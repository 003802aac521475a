// Rehearsed failovers: what was measured, against what was promised.

import { getIfThere, post } from "./api.js";
import { toast } from "./bar.js";
import { drill } from "./command.js";
import { field, openDialog } from "./dialog.js";
import { h, redraw, soon } from "./dom.js";
import { station } from "./failovers.js";
import { lamp } from "./lamp.js";
import { latency, reason, whole } from "./words.js";

const LAMPS = { done: "up", running: "unknown", refused: "hand", aborted: "degraded", cancelled: "degraded" };

let there = false;

/** Whether this server can drill. */
export const hasDrills = () => there;

/** Finds out whether it can. */
export async function findDrills() {
  try {
    there = (await getIfThere("/v1/drills", { limit: 1 })) !== null;
  } catch {
    there = false;
  }
  document.getElementById("drills-link").hidden = !there;
}

const ms = (value) => (value === null || value === undefined ? "–" : latency(value * 1000));
const CLIENTS = { fresh: "asks anew each time", cache: "cache that honours the TTL", floor: "cache that keeps 30 s at least" };

/** The way of the change, from the first probe that failed to everything being as before. */
function way(chain) {
  const stops = [
    ["first failed probe", chain.first_failed_ms],
    ["verdict", chain.verdict_ms],
    ["in force", chain.published_ms],
    ["first new answer", chain.first_new_ms],
    ["put back", chain.reverted_ms],
  ];
  let before = null;
  return h(
    "ol",
    { class: "stations" },
    stops.map(([name, at]) => {
      const known = at !== null && at !== undefined;
      const after = known && before !== null ? Math.max(0, at - before) * 1000 : null;
      if (known) before = at;
      return station(name, null, after, known, "not reached");
    }),
  );
}

/** What was measured, beside what was promised. */
function report(one) {
  return [
    one.chain && way(one.chain),
    one.promise?.length > 0 &&
      h("ul", { class: "promises" }, one.promise.map(({ what, promised_ms, found_ms, kept }) => h("li", {}, lamp(kept ? "up" : kept === false ? "down" : "unknown"), h("span", {}, `${what}: `, h("b", {}, ms(found_ms)), `, promised ${ms(promised_ms)}`, kept === false && h("span", { class: "warn" }, " (not kept)"))))),
    one.clients?.length > 0 &&
      h(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "When clients had the new answer" },
        h(
          "table",
          {},
          h("caption", {}, "When clients had the new answer"),
          h("thead", {}, h("tr", {}, ["client", "half", "90 %", "99 %", "last"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, one.clients.map((client) => h("tr", {}, h("th", { scope: "row" }, `${CLIENTS[client.kind] ?? client.kind}, ${client.type}`), [client.p50_ms, client.p90_ms, client.p99_ms, client.max_ms].map((value) => h("td", {}, ms(value)))))),
        ),
      ),
    h("p", { class: "of" }, `By ${one.by}${one.reason ? `: “${one.reason}”` : ""}${one.scheduled ? ", by the schedule" : ""}.`),
  ];
}

/** The lamp of a drill: whether the promise was kept comes before how it ended. */
function lampOf(one) {
  if (one.state === "done" && one.verdict) return one.verdict === "kept" ? "up" : "degraded";
  return LAMPS[one.state] ?? "unknown";
}

function item(one, open) {
  return h(
    "li",
    { class: "drill" },
    lamp(lampOf(one)),
    h(
      "div",
      {},
      h("h3", {}, h("a", { href: `#service/${encodeURIComponent(one.service)}` }, one.endpoint ? `${one.service}/${one.endpoint}` : one.service)),
      h("p", {}, h("b", {}, one.state === "done" && one.verdict ? `promise ${one.verdict}` : one.state), one.why && one.state !== "running" && `: ${one.why}`, one.standby?.length > 0 && `; ${one.standby.join(", ")} answered instead`),
      h("p", { class: "of" }, whole(one.started_unix_ms)),
      one.state === "running" && h("div", { class: "actions" }, h("button", { type: "button", data: { key: `cancel/${one.id}` }, on: { click: () => cancel(one.id) } }, "End it now")),
      h("details", { open, data: { key: `drill/${one.id}` } }, h("summary", {}, "Report"), report(one)),
    ),
  );
}

/** Ends a drill early, which puts everything back. */
async function cancel(id) {
  try {
    const { detail } = await post(`/v1/drills/${id}/cancel`, {});
    toast(detail);
  } catch (error) {
    toast(reason(error), "bad");
  }
}

function choose(store) {
  const name = h("input", { type: "text", list: "drillable", required: true, autofocus: true, spellcheck: "false", autocomplete: "off" });
  const names = h("datalist", { id: "drillable" }, [...store.lines.keys()].slice(0, 200).map((value) => h("option", { value })));
  const form = h(
    "form",
    {
      on: {
        submit: (event) => {
          event.preventDefault();
          if (store.lines.has(name.value.trim())) drill(name.value.trim());
          else name.setCustomValidity("no service is named that");
        },
      },
    },
    field("Service", name),
    names,
    h("div", { class: "buttons" }, h("button", { class: "primary" }, "Next")),
  );
  name.addEventListener("input", () => name.setCustomValidity(""));
  openDialog("Drill a service", form);
}

/** The view. */
export function makeDrills(store, news) {
  return () => {
    const place = h("div", {});
    const element = h("article", { class: "drills" }, h("div", { class: "panel-head" }, h("h2", {}, "Drills"), h("button", { type: "button", on: { click: () => choose(store) } }, "Drill…")), h("p", { class: "intro" }, "A failover that is never rehearsed is not reliable."), place);
    const look = async () => {
      try {
        const all = await getIfThere("/v1/drills", { limit: 50 });
        const items = Array.isArray(all) ? all : (all?.items ?? []);
        redraw(place, all === null ? h("p", { class: "quiet" }, "This server cannot drill.") : items.length === 0 ? h("p", { class: "quiet" }, "No drill yet.") : h("ol", { class: "drills-all" }, items.map((one, index) => item(one, index === 0))));
      } catch (error) {
        if (place.childElementCount === 0) redraw(place, h("p", { class: "quiet" }, reason(error)));
      }
    };
    look();
    const lookSoon = soon(look);
    const onEntry = ({ detail }) => detail.kind.startsWith("drill") && lookSoon();
    news.addEventListener("entry", onEntry);
    const timer = setInterval(look, 3_000);
    return {
      element,
      title: "Drills",
      leave: () => {
        clearInterval(timer);
        news.removeEventListener("entry", onEntry);
      },
    };
  };
}
