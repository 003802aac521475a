// Asks for the token when the server wants one. It is kept as long as the tab, and sent to this server only.

import { setToken } from "./api.js";
import { closeDialog, field, openDialog } from "./dialog.js";
import { h } from "./dom.js";

let asking = null;

/** Resolves when there is a token to try. */
export function askForToken() {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

function ask() {
  return new Promise((resolve, reject) => {
    let given = false;
    const input = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, autofocus: true, spellcheck: "false" });
    const form = h(
      "form",
      {
        method: "dialog",
        on: {
          submit: (event) => {
            event.preventDefault();
            const text = input.value.trim();
            if (text === "") return;
            setToken(text);
            given = true;
            closeDialog();
          },
        },
      },
      h("p", {}, "This server shows its state to those who have a token of its configuration."),
      field("Token", input, "Kept while this tab is open, and sent to this server only."),
      h("div", { class: "buttons" }, h("button", { class: "primary" }, "Continue")),
    );
    openDialog("Token", form).then(() => (given ? resolve() : reject(new Error("no token was given; reload the page to be asked again"))));
  });
}
