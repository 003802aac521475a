// Views by the address's fragment, so that going back and links work: `#timeline`, `#service/www.example.test`.

import { byId } from "./dom.js";

const VIEWS = ["services", "timeline", "explain", "overrides", "drills", "service"];
/** What stands beside the services when nothing else is asked for. */
const BESIDE = "timeline";

/** The view that is asked for, and of what. */
export function route() {
  const [view, ...rest] = location.hash.slice(1).split("/");
  let subject = null;
  try {
    subject = rest.length > 0 ? decodeURIComponent(rest.join("/")) : null;
  } catch {
    // An address that was typed wrong asks for nothing.
  }
  return VIEWS.includes(view) && (view !== "service" || subject) ? { view, subject } : { view: "services", subject: null };
}

/** Shows a view in the side, by functions of the same name that return an element and perhaps what is to be called when it is left. */
export function showViews(makers) {
  let shown = null;
  let leave = null;
  let first = true;
  const show = () => {
    const { view, subject } = route();
    document.body.dataset.view = view;
    const beside = view === "services" ? BESIDE : view;
    const key = `${beside}/${subject ?? ""}`;
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link === document.body) continue;
      const here = link.dataset.view === (view === "service" ? "services" : view);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (key !== shown) {
      shown = key;
      leave?.();
      const side = byId("side");
      const made = makers[beside](subject);
      leave = made.leave ?? null;
      side.replaceChildren(made.element);
      side.scrollTop = 0;
      side.setAttribute("aria-label", made.title);
    }
    // Whoever follows a link goes there with eyes, keys and ears; the first view is where the page begins.
    if (!first && view !== "services") byId("side").focus({ preventScroll: true });
    if (!first && view === "services") byId("services").focus({ preventScroll: true });
    first = false;
  };
  window.addEventListener("hashchange", show);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]") || route().view !== "service") return;
    const name = route().subject;
    location.hash = "#services";
    const row = [...document.querySelectorAll(".row")].find((one) => one.dataset.name === name);
    requestAnimationFrame(() => row?.link.focus({ preventScroll: true }));
  });
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("query").focus();
  });
  show();
}
