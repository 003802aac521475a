// The list of services with its search and its filters.

import { byId, h, once, say } from "./dom.js";
import { lamp } from "./lamp.js";
import { List } from "./list.js";
import { route } from "./router.js";
import { fillRow, makeRow } from "./row.js";
import { leaveStrips } from "./strips.js";
import { count, many } from "./words.js";

const FILTERS = [
  ["all", "All", null],
  ["down", "Down", "down"],
  ["degraded", "Degraded", "degraded"],
  ["hand", "By hand", "hand"],
];
/** How often what is on the screen is asked for although nothing happened, in milliseconds: latencies move. */
const LOOK = 5_000;

/** Shows the store's services. */
export function showServices(store) {
  const list = new List(byId("services"), byId("list"), { make: makeRow, fill: fillAndMark, leave: leaveStrips });
  const query = byId("query");
  const chips = makeChips();
  const filter = () => byId("find").elements.show.value;

  const draw = once(() => {
    if (store.head === null) return;
    const counts = store.counts();
    for (const [key, number] of Object.entries(chips)) say(number, count(counts[key]));
    const found = store.found(query.value, filter());
    list.show(found);
    const none = byId("none");
    none.hidden = found.length > 0;
    if (found.length === 0) say(none, counts.all === 0 ? "No service is configured. A zone's [services.NAME] makes one." : "No service matches.");
    if (query.value || filter() !== "all") say(byId("found"), `${many(found.length, "service")} found`);
    document.body.dataset.ready = "";
    if (!showServices.measured) {
      showServices.measured = true;
      requestAnimationFrame(() => performance.mark("first-rows"));
    }
  });
  store.addEventListener("change", draw);
  window.addEventListener("hashchange", () => {
    for (const row of byId("list").children) markOpen(row);
  });
  query.addEventListener("input", () => {
    byId("services").scrollTop = Math.min(byId("services").scrollTop, byId("find").offsetTop);
    draw();
  });
  byId("find").addEventListener("change", draw);
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    list.focus(0);
  });
  query.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      list.focus(0);
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, dialog");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    query.focus();
  });
  setInterval(() => {
    if (document.visibilityState === "visible" && list.seen.length > 0) store.refresh(list.seen);
  }, LOOK);
}

/** The row of the service that is open says so. */
function markOpen(row) {
  const { view, subject } = route();
  if (view === "service" && subject === row.dataset.name) row.link.setAttribute("aria-current", "true");
  else row.link.removeAttribute("aria-current");
}

function fillAndMark(row, line) {
  fillRow(row, line);
  markOpen(row);
}

function makeChips() {
  const numbers = {};
  for (const [key, text, state] of FILTERS) {
    const number = h("span", { class: "number" }, "0");
    numbers[key] = number;
    byId("chips").append(
      h("label", { class: `choice ${key}` }, h("input", { type: "radio", name: "show", value: key, checked: key === "all" }), state && lamp(state), h("span", {}, text), number),
    );
  }
  return numbers;
}
