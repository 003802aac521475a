// Puts the parts together: what is known (store), what happens (live), and what shows it.

import { onUnauthorized, Problem } from "./api.js";
import { showAspect } from "./aspect.js";
import { showBar, toast } from "./bar.js";
import { onDone } from "./command.js";
import { makeDetail } from "./detail.js";
import { findDrills, hasDrills, makeDrills } from "./drills.js";
import { makeExplain } from "./explain.js";
import { Live } from "./live.js";
import { makeOverrides } from "./overrides.js";
import { showViews } from "./router.js";
import { showServices } from "./services.js";
import { Store } from "./store.js";
import { forgetAbsence, staleStrips } from "./strips.js";
import { makeTimeline, setNews } from "./timeline.js";
import { askForToken } from "./token.js";
import { length, now, reason, shortLength } from "./words.js";

const store = new Store();
const live = new Live();

onUnauthorized(askForToken);
onDone(() => store.refresh());
setNews(live);

showBar(store, live);
showAspect(store);
showServices(store);

store.addEventListener("change", () => started(), { once: true });
store.addEventListener("failed", ({ detail }) => {
  if (!(detail instanceof Problem)) live.doubt();
  if (detail instanceof Problem || store.head === null) toast(reason(detail), "bad");
  // Without an answer there is nothing to go on with; the stream finds out whether the server is there.
  if (store.head === null) setTimeout(() => store.refresh(), 2_000);
});
live.addEventListener("fresh", () => {
  forgetAbsence();
  store.refresh();
});
live.addEventListener("changed", ({ detail }) => {
  staleStrips(detail.services);
  // Nobody named means everybody.
  store.refresh(detail.services.length > 0 ? detail.services : undefined);
});
// Entries were missed.
live.addEventListener("resync", () => live.dispatchEvent(new CustomEvent("fresh")));
// A reload may have added services, which no line names yet.
live.addEventListener("entry", ({ detail }) => {
  if (detail.kind === "planned") store.refresh();
});

let running = false;
function started() {
  if (running) return;
  running = true;
  live.start();
  showViews({
    timeline: makeTimeline,
    explain: makeExplain(store),
    overrides: makeOverrides(store),
    drills: makeDrills(store, live),
    service: makeDetail(store, { hasDrills }),
  });
  findDrills();
}

// Every time on the page goes on together, once a second; only what changes is touched.
function tick() {
  const at = now();
  for (const one of document.querySelectorAll("time[data-since]")) {
    const words = one.dataset.short === undefined ? length : shortLength;
    const text = one.dataset.prefix + words(at - Number(one.dataset.since));
    if (one.textContent !== text) one.textContent = text;
  }
}
setInterval(tick, 1000);
new MutationObserver(tick).observe(document.body, { childList: true, subtree: true });

store.refresh();
