// The explain box: one question, its exact answer, and the ladder of steps that leads to it.

import { get } from "./api.js";
import { field } from "./dialog.js";
import { h, redraw } from "./dom.js";
import { lamp } from "./lamp.js";
import { reason } from "./words.js";

const TYPES = ["A", "AAAA", "SRV", "MX", "TXT", "CNAME", "HTTPS", "NS", "SOA", "CAA"];
const STATES = { "held down": "held" };

/** A step's mark: of a candidate its state and whether it was chosen. */
function rung(step, candidates) {
  const about = candidates.find((one) => step.startsWith(`${one.family}: ${one.pool ? `${one.pool}/` : ""}${one.name} is `));
  if (about === undefined) return h("li", { class: "rung" }, h("p", {}, step));
  const state = about.forced ? "hand" : (STATES[about.state] ?? about.state);
  return h(
    "li",
    { class: `rung candidate ${about.chosen ? "chosen" : ""}` },
    lamp(state),
    h("p", {}, h("b", {}, about.pool ? `${about.pool}/${about.name}` : about.name), ` is ${about.state}${about.forced ? ` (${about.forced})` : ""}`, h("span", { class: about.chosen ? "tag" : "tag not" }, about.chosen ? "chosen" : "not chosen"), h("br"), h("span", { class: "why" }, `${about.family}: ${about.why}`)),
  );
}

function records(title, lines) {
  return lines.length > 0 && [h("h4", {}, title), h("pre", { tabindex: "0" }, lines.join("\n"))];
}

function report(told) {
  const { answer } = told;
  const good = answer.rcode === "NOERROR" && answer.answers.length > 0;
  return [
    h(
      "section",
      { class: "told" },
      h("h3", {}, lamp(good ? "up" : "degraded"), `${told.name} ${told.type}`, h("span", { class: "tag" }, answer.rcode || "nothing is sent"), answer.authoritative && h("span", { class: "tag not" }, "authoritative")),
      records("Answer", answer.answers),
      answer.answers.length === 0 && h("p", { class: "quiet" }, "No records."),
      records("Authority", answer.authorities),
      records("Additional", answer.additionals),
      answer.extended_errors.length > 0 && h("p", { class: "warn" }, `Extended error: ${answer.extended_errors.join("; ")}`),
    ),
    h("h3", {}, "How it came about"),
    h("ol", { class: "ladder" }, told.steps.map((step) => rung(step, told.service?.candidates ?? []))),
    told.service?.status && h("p", {}, h("a", { href: `#service/${encodeURIComponent(told.service.status.service)}` }, `To ${told.service.status.service}`)),
  ];
}

/** The view; `subject` is a name to begin with. */
export function makeExplain(store) {
  return (subject) => {
    const name = h("input", { type: "text", name: "name", required: true, placeholder: "www.example.test", list: "names", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    const names = h("datalist", { id: "names" });
    const type = h("input", { type: "text", name: "type", value: "A", list: "types", size: "6", autocapitalize: "characters", spellcheck: "false" });
    const client = h("input", { type: "text", name: "client", placeholder: "192.0.2.1", spellcheck: "false", autocomplete: "off" });
    const place = h("div", { class: "report", role: "region", "aria-label": "Explanation", "aria-live": "polite" });
    const ask = async (event) => {
      event?.preventDefault();
      if (name.value.trim() === "") return;
      try {
        redraw(place, report(await get("/v1/explain", { name: name.value.trim(), type: type.value.trim(), client: client.value.trim() })));
      } catch (error) {
        redraw(place, h("p", { class: "alert" }, lamp("down"), reason(error)));
      }
    };
    // A few that begin like what was typed: twenty thousand options would stop the browser.
    const offer = () => {
      const wanted = name.value.toLowerCase();
      const some = [];
      for (const known of store.lines.keys()) {
        if (known.includes(wanted)) some.push(h("option", { value: known }));
        if (some.length === 20) break;
      }
      names.replaceChildren(...some);
    };
    name.addEventListener("input", offer);
    name.addEventListener("focus", offer);
    const element = h(
      "article",
      { class: "explain" },
      h("div", { class: "panel-head" }, h("h2", {}, "Explain")),
      h("p", { class: "intro" }, "What is answered to one question, and why."),
      h("form", { on: { submit: ask } }, field("Name", name), h("div", { class: "pair" }, field("Type", type), field("Client (an address)", client)), h("button", { class: "primary" }, "Explain"), names, h("datalist", { id: "types" }, TYPES.map((one) => h("option", { value: one })))),
      place,
    );
    if (subject) {
      name.value = subject;
      ask();
    }
    return { element, title: "Explain" };
  };
}
