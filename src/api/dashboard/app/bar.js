// The bar on top: which node, whether what is shown is live, light or dark.

import { byId, h, say } from "./dom.js";
import { clock, length, now } from "./words.js";

const LINKS = { live: "live", polling: "from time to time", lost: "connection lost", refused: "token refused", waiting: "connecting" };
const THEMES = [null, "light", "dark"];
const THEME_WORDS = { null: "as the system", light: "light", dark: "dark" };

/** Shows the node, the connection and the choice of colours. */
export function showBar(store, live) {
  let state = "waiting";
  let heard = null;

  const draw = () => {
    const lost = state === "lost" || state === "refused";
    byId("link").dataset.link = state;
    say(byId("link-text"), LINKS[state]);
    document.body.classList.toggle("stale", lost);
    const box = byId("lost");
    if (lost && box.hidden) {
      const at = heard === null ? "" : ` What stands below was true at ${clock(heard)}`;
      const what = state === "refused" ? "The server refuses the token; reload the page to give another." : "The connection to the server is lost; trying again.";
      box.replaceChildren(h("b", {}, what), at, heard !== null && h("span", { class: "ago", id: "ago" }));
      tick(heard);
    }
    box.hidden = !lost;
  };

  live.addEventListener("link", ({ detail }) => {
    const back = state === "lost" && detail !== "lost";
    if (detail === state) return;
    state = detail;
    draw();
    if (back) toast("The connection is back; everything is up to date.");
  });
  store.addEventListener("change", () => {
    heard = now();
    say(byId("node"), store.head.node);
    say(byId("version"), store.head.version);
    const badge = byId("hand-badge");
    badge.hidden = store.head.overrides === 0;
    badge.textContent = String(store.head.overrides);
    badge.setAttribute("aria-label", `, ${store.head.overrides} in force`);
  });
  setInterval(() => tick(heard), 1000);
  chooseTheme();
}

/** Lets every time on the page go on. */
function tick(heard) {
  const ago = byId("ago");
  if (ago !== null && heard !== null) say(ago, `, ${length(now() - heard)} ago.`);
}

function chooseTheme() {
  const button = byId("theme");
  const show = () => {
    const chosen = document.documentElement.dataset.theme ?? null;
    button.setAttribute("aria-label", `Colours: ${THEME_WORDS[chosen]}`);
    button.title = `Colours: ${THEME_WORDS[chosen]}`;
  };
  button.addEventListener("click", () => {
    const chosen = document.documentElement.dataset.theme ?? null;
    const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    if (next === null) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === null) localStorage.removeItem("pointsman.theme");
      else localStorage.setItem("pointsman.theme", next);
    } catch {
      // Chosen for this page alone.
    }
    show();
  });
  show();
}

/** Says something for a few seconds, to eyes and to screen readers. */
export function toast(text, kind = "good") {
  const one = h("p", { class: `toast ${kind}` }, text);
  byId("toasts").append(one);
  setTimeout(() => one.remove(), 7000);
}
