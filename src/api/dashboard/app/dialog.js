// The one dialog: modal, closed by Escape, the focus going back to where it came from.

import { byId, h } from "./dom.js";

/** Opens it with this title and content; resolves when it is closed. */
export function openDialog(title, content, { wide = false } = {}) {
  const dialog = byId("dialog");
  const from = document.activeElement;
  if (dialog.open) dialog.close();
  dialog.className = wide ? "wide" : "";
  dialog.replaceChildren(
    h("div", { class: "head" }, h("h2", { id: "dialog-title" }, title), h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: () => dialog.close() } }, "×")),
    content,
  );
  dialog.showModal();
  const first = dialog.querySelector("[autofocus]") ?? dialog.querySelector("form input, form select, form textarea");
  first?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        dialog.replaceChildren();
        if (from?.isConnected) from.focus({ preventScroll: true });
        else if (from?.dataset?.key) [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === from.dataset.key)?.focus();
        resolve();
      },
      { once: true },
    );
  });
}

/** Closes it. */
export const closeDialog = () => byId("dialog").close();

/** A field with its label. */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", { class: "label" }, label), control, hint && h("span", { class: "hint" }, hint));
}
