// Rehearsed failovers: what was measured, against what was promised.

import { getIfThere } from "./api.js";
import { drill } from "./command.js";
import { field, openDialog } from "./dialog.js";
import { h, redraw, soon } from "./dom.js";
import { lamp } from "./lamp.js";
import { latency, reason, whole } from "./words.js";

const LAMPS = { done: "up", running: "unknown", refused: "hand", aborted: "degraded", cancelled: "degraded", failed: "down" };

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

/** A value of a report in words: its unit is in its name. */
function value(name, one) {
  if (one === null) return "–";
  if (typeof one === "number" && /_us$/.test(name)) return latency(one);
  if (typeof one === "number" && /unix_ms$/.test(name)) return whole(one);
  if (typeof one === "number" && /_ms$/.test(name)) return latency(one * 1000);
  if (Array.isArray(one)) return one.every((part) => typeof part !== "object") ? one.join(", ") || "–" : h("ol", {}, one.map((part) => h("li", {}, facts(part))));
  if (typeof one === "object") return facts(one);
  return String(one);
}

const LEFT_OUT = new Set(["id", "service", "state", "text"]);

/** A report as facts, whatever it holds. */
function facts(report) {
  if (typeof report !== "object" || report === null) return String(report);
  const rows = Object.entries(report).filter(([name, one]) => !LEFT_OUT.has(name) && one !== null);
  return h("dl", {}, rows.map(([name, one]) => [h("dt", {}, name.replace(/_(us|ms|unix_ms)$/, "").replaceAll("_", " ")), h("dd", {}, value(name, one))]));
}

function one(report) {
  const began = report.started_unix_ms ?? report.began_unix_ms ?? report.unix_ms;
  return h(
    "li",
    { class: "drill" },
    lamp(LAMPS[report.state] ?? "unknown"),
    h(
      "div",
      {},
      h("h3", {}, h("a", { href: `#service/${encodeURIComponent(report.service)}` }, report.endpoint ? `${report.service}/${report.endpoint}` : report.service), " ", h("span", { class: "word" }, report.state), began && h("time", { class: "of" }, ` ${whole(began)}`)),
      report.text && h("p", {}, report.text),
      h("details", { data: { key: `drill/${report.id}` } }, h("summary", {}, "Report"), facts(report)),
    ),
  );
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
        redraw(place, all === null ? h("p", { class: "quiet" }, "This server cannot drill.") : items.length === 0 ? h("p", { class: "quiet" }, "No drill yet.") : h("ol", { class: "drills-all" }, items.map(one)));
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
