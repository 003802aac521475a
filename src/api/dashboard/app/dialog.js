// The one dialog: modal, closed by Escape, the focus going back to where it came from.

import { byId, h } from "./dom.js";

/** Ends what is open: the focus goes back, and whoever opened it hears of it. */
let end = null;
let listening = false;

/** Opens it with this title and content, in place of what was open; resolves when it is closed. */
export function openDialog(title, content) {
  const dialog = byId("dialog");
  if (!listening) {
    listening = true;
    // The browser tells of a closing a little later: by then another may be open.
    dialog.addEventListener("close", () => dialog.open || end?.());
  }
  end?.();
  const from = document.activeElement;
  dialog.replaceChildren(
    h("div", { class: "head" }, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: () => dialog.close() } }, "×")),
    content,
  );
  if (!dialog.open) dialog.showModal();
  const first = dialog.querySelector("[autofocus]") ?? dialog.querySelector("form input, form select, form textarea");
  first?.focus();
  return new Promise((resolve) => {
    end = () => {
      end = null;
      dialog.replaceChildren();
      if (from?.isConnected) from.focus({ preventScroll: true });
      else if (from?.dataset?.key) [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === from.dataset.key)?.focus();
      resolve();
    };
  });
}

/** Closes it. */
export const closeDialog = () => byId("dialog").close();

/** A field with its label. */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", { class: "label" }, label), control, hint && h("span", { class: "hint" }, hint));
}
