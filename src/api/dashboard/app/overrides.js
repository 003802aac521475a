// What operators laid upon endpoints: what stands, on whom, until when.

import { get } from "./api.js";
import { command, release } from "./command.js";
import { h, redraw } from "./dom.js";
import { FORCED_WORDS, lamp, since } from "./lamp.js";
import { clock, length, many, now, reason, whole } from "./words.js";

/** Endpoints that are named. */
const SPELT = 12;

function override(one) {
  const named = one.endpoints.slice(0, SPELT);
  return h(
    "li",
    { class: "override" },
    lamp(one.state === "drain" ? "drain" : "hand"),
    h(
      "div",
      {},
      h("h3", {}, h("code", {}, one.select), " ", h("span", { class: "word hand" }, FORCED_WORDS[one.state] ?? one.state), one.break_glass && h("span", { class: "tag danger" }, "past a rule")),
      h("p", {}, `by ${one.by}`, one.reason && `: “${one.reason}”`, ", ", since(one.since_unix_ms, { prefix: "for " }), one.until_unix_ms === null ? ", until it is released" : [`, until ${one.until_unix_ms - now() > 64_800_000 ? whole(one.until_unix_ms) : clock(one.until_unix_ms)}`]),
      one.place && h("p", { class: "of" }, `It stands in ${one.place}, and is taken out there.`),
      one.endpoints.length === 0 ? h("p", { class: "warn" }, "It means nobody any more.") : h("ul", { class: "touched" }, named.map(touched), one.endpoints.length > SPELT && h("li", {}, `and ${one.endpoints.length - SPELT} more`)),
      one.place === null && h("div", { class: "actions" }, h("button", { type: "button", data: { key: `release/${one.select}` }, "aria-label": `Release ${one.select}`, on: { click: () => release(one.select) } }, "Release")),
    ),
  );
}

function touched({ service, endpoint, real, counts, hides, wait }) {
  return h(
    "li",
    {},
    h("a", { href: `#service/${encodeURIComponent(service)}` }, `${service}/${endpoint}`),
    ` really ${real}`,
    !counts && ", a later one counts",
    hides && h("span", { class: "warn" }, `; hides: ${hides}`),
    wait && (wait.safe ? h("span", { class: "safe" }, "; safe to stop") : wait.left_ms ? `; caches hold it for ${length(wait.left_ms)} more` : ""),
  );
}

/** Lays a new one, by a selector that may mean many. */
function lay() {
  const select = h("input", { type: "text", name: "select", placeholder: "*/fra", spellcheck: "false", autocapitalize: "off", autocomplete: "off", autofocus: true });
  return command({
    title: "Drain endpoints",
    intro: "A selector is SERVICE/ENDPOINT, SERVICE/POOL or SERVICE; * stands for any characters, ? for one.",
    path: "/v1/drain",
    body: {},
    verb: "Drain",
    asks: ["reason", "for"],
    fields: [{ label: "Selector", name: "select", control: select }],
    needs: ["select"],
  });
}

/** The view. */
export function makeOverrides(store) {
  return () => {
    const place = h("div", { class: "overrides-list" });
    const element = h("article", { class: "overrides" }, h("div", { class: "panel-head" }, h("h2", {}, "By hand"), h("button", { type: "button", data: { key: "lay" }, on: { click: lay } }, "Drain many…")), h("p", { class: "intro" }, "What operators laid upon endpoints. It survives restarts."), place);
    let shown = "";
    const look = async () => {
      try {
        const all = await get("/v1/overrides");
        const text = JSON.stringify(all, (key, value) => (key === "left_ms" ? undefined : value));
        if (text === shown) return;
        shown = text;
        redraw(place, all.length === 0 ? h("p", { class: "quiet" }, "Nothing: every endpoint counts as its probes say.") : [h("p", { class: "hidden" }, many(all.length, "override")), h("ul", { class: "overrides-all" }, all.map(override))]);
      } catch (error) {
        if (shown === "") redraw(place, h("p", { class: "quiet" }, reason(error)));
      }
    };
    look();
    store.addEventListener("change", look);
    const timer = setInterval(look, 5_000);
    return {
      element,
      title: "By hand",
      leave: () => {
        clearInterval(timer);
        store.removeEventListener("change", look);
      },
    };
  };
}
