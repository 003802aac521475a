// Commands with confirmation: the server is asked first what would change (`dry_run`), and only what it said is confirmed.

import { post, Problem } from "./api.js";
import { toast } from "./bar.js";
import { closeDialog, field, openDialog } from "./dialog.js";
import { h, redraw, soon } from "./dom.js";
import { lamp } from "./lamp.js";
import { reason } from "./words.js";

const OWNER = "pointsman.owner";
const TIMES = [
  ["", "until it is released"],
  ["15m", "15 minutes"],
  ["30m", "30 minutes"],
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["1d", "1 day"],
  ["7d", "7 days"],
];

let done = () => {};

/** Sets what is called after a command was carried out. */
export function onDone(listener) {
  done = listener;
}

function remembered() {
  try {
    return sessionStorage.getItem(OWNER) ?? "";
  } catch {
    return "";
  }
}

function remember(owner) {
  try {
    sessionStorage.setItem(OWNER, owner);
  } catch {
    // Typed again next time.
  }
}

/** What would change, one line for each service. */
function preview(detail) {
  const parts = detail.replace(/^would do: /, "").split("; ");
  return [h("p", { class: "lead" }, "This would change:"), h("ul", { class: "changes" }, parts.map((part) => h("li", {}, part)))];
}

/** A refusal: the rule, and how to go past it. */
function refusal(error, tryAgain) {
  const isRule = error instanceof Problem && error.status === 409;
  return [
    h("p", { class: "refused" }, lamp("down"), h("b", {}, isRule ? "Refused: " : "Not possible: "), reason(error)),
    isRule && tryAgain,
  ];
}

/**
 * Opens the dialog of a command.
 *
 * `path` and `body` are the request; `asks` which of `reason`, `for` are offered; `verb` stands on the button; `fields` are
 * more fields, each `{label, control, name}` whose value goes into the body; a body without all of its `needs` is not asked about.
 */
export function command({ title, intro, path, body, verb, asks = [], fields = [], needs = [], danger = false }) {
  const why = h("input", { type: "text", name: "reason", maxlength: "400", placeholder: "Why? It is shown beside the endpoint" });
  const length = h("select", { name: "for" }, TIMES.map(([value, text]) => h("option", { value }, text)));
  const owner = h("input", { type: "text", name: "owner", maxlength: "100", placeholder: "Your name", autocomplete: "nickname" });
  owner.value = remembered();
  const glass = h("input", { type: "checkbox", name: "break_glass" });
  const glassLabel = h("label", { class: "glass" }, glass, "Go past this rule (break glass). It is recorded.");
  const outcome = h("div", { class: "outcome", role: "status", "aria-live": "polite" });
  const confirm = h("button", { type: "submit", class: danger ? "primary danger" : "primary", disabled: true }, verb);

  const wanted = () => {
    const made = { ...body };
    for (const { name, control } of fields) if (control.value !== "") made[name] = control.value;
    if (asks.includes("reason") && why.value.trim()) made.reason = why.value.trim();
    if (asks.includes("for") && length.value) made.for = length.value;
    if (owner.value.trim()) made.owner = owner.value.trim();
    if (glass.checked) made.break_glass = true;
    return made;
  };

  // Answers that come late, of what is no longer asked, are dropped.
  let asked = 0;
  const ask = async () => {
    const mine = (asked += 1);
    confirm.disabled = true;
    const what = wanted();
    if (needs.some((need) => !what[need])) {
      redraw(outcome, h("p", { class: "lead" }, "What would change is shown here before anything is done."));
      return;
    }
    if (outcome.childElementCount === 0) redraw(outcome, h("p", { class: "lead" }, "Asking the server what would change …"));
    try {
      const { detail } = await post(path, { ...what, dry_run: true });
      if (mine !== asked) return;
      redraw(outcome, preview(detail ?? "nothing"), glass.checked && glassLabel);
      confirm.disabled = false;
    } catch (error) {
      if (mine === asked) redraw(outcome, refusal(error, glassLabel));
    }
  };

  let busy = false;
  const carryOut = async (event) => {
    event.preventDefault();
    if (confirm.disabled || busy) return;
    busy = true;
    confirm.disabled = true;
    remember(owner.value.trim());
    try {
      const answer = await post(path, wanted());
      closeDialog();
      toast(answer.detail ?? "Done.");
      done(answer);
    } catch (error) {
      redraw(outcome, refusal(error, glassLabel));
    } finally {
      busy = false;
    }
  };

  glass.addEventListener("change", ask);
  for (const { control } of fields) {
    control.addEventListener("change", ask);
    if (control.tagName === "INPUT") control.addEventListener("input", soon(ask));
  }
  const form = h(
    "form",
    { on: { submit: carryOut } },
    intro && h("p", {}, intro),
    fields.map(({ label, control, hint }) => field(label, control, hint)),
    asks.includes("reason") && field("Reason", why),
    h("div", { class: "pair" }, asks.includes("for") && field("For how long", length), field("In whose name", owner)),
    outcome,
    h("div", { class: "buttons" }, h("button", { type: "button", on: { click: closeDialog } }, "Cancel"), confirm),
  );
  ask();
  return openDialog(title, form);
}

/** Takes an endpoint out gently. */
export const drain = (select) =>
  command({ title: `Drain ${select}`, intro: "No new answer leads there. Who was told of it may still come, until the answer has expired.", path: "/v1/drain", body: { select }, verb: "Drain", asks: ["reason", "for"] });

/** Lets an endpoint count as up or down, whatever its probes say. */
export const force = (select, state) =>
  command({ title: `Force ${select} ${state}`, intro: `It counts as ${state}, whatever its probes say.`, path: "/v1/force", body: { select, state }, verb: `Force ${state}`, asks: ["reason", "for"], danger: true });

/** Lifts what was laid. */
export const release = (select) =>
  command({ title: `Release ${select}`, intro: "Its probes count again.", path: "/v1/release", body: { select }, verb: "Release" });

/** Switches the active member by hand. */
export function failover(service, members) {
  const to = h("select", { name: "to" }, h("option", { value: "" }, "the next that is usable"), members.map((name) => h("option", { value: name }, name)));
  return command({ title: `Fail over ${service}`, intro: "The answer changes at once; caches follow within the TTL.", path: "/v1/failover", body: { service }, verb: "Fail over", fields: [{ label: "To", name: "to", control: to }] });
}

/** Rehearses a failover. */
export function drill(service) {
  const length = h("select", { name: "for" }, ["15s", "30s", "1m", "2m", "5m"].map((value) => h("option", { value, selected: value === "30s" }, value)));
  return command({ title: `Drill ${service}`, intro: "A rehearsed failover on this server: the active endpoint counts as down for that long, the time until answers change is measured over real DNS, and then it is put back.", path: "/v1/drill", body: { service }, verb: "Start the drill", fields: [{ label: "For", name: "for", control: length }], danger: true });
}
