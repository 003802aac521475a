// One service as a row: what it answers, since when, how its endpoints stand.

import { h } from "./dom.js";
import { lanes, sparkline } from "./draw.js";
import { endpointLamp, endpointWords, lamp, since, STATE_WORDS, FORCED_WORDS } from "./lamp.js";
import { stripsOf, wantStrips } from "./strips.js";
import { latency, many } from "./words.js";

/** Endpoints shown in a row; the others are counted. */
const SHOWN = 5;

/** `www.example.test` with its first label in front. */
export function serviceName(name) {
  const dot = name.indexOf(".");
  return dot < 0 ? [h("b", {}, name)] : [h("b", {}, name.slice(0, dot)), h("span", { class: "zone" }, name.slice(dot))];
}

/** Who answers: names of endpoints, for people. */
export function answering(line) {
  const names = line.endpoints.filter((one) => one.answered).map((one) => one.name);
  if (names.length === 0) return line.answers_total > 0 ? "none is usable" : "nothing";
  if (names.length <= 2) return names.join(", ");
  return `${names.length} of ${line.endpoints.length}`;
}

/** The addresses that are answered. */
function addresses(line) {
  if (line.answers.length === 0) return "no address";
  const more = line.answers_total - line.answers.length;
  const shown = line.answers.slice(0, 2);
  const rest = more + line.answers.length - shown.length;
  return shown.join(", ") + (rest > 0 ? ` +${rest}` : "");
}

/** An endpoint as a lamp with its name and state. */
function chip(one) {
  const words = endpointWords(one);
  const well = one.state === "up" && one.forced === null;
  const text = one.forced ? FORCED_WORDS[one.forced] : well && one.latency_us !== null ? latency(one.latency_us) : (STATE_WORDS[one.state] ?? one.state);
  return h(
    "span",
    { class: `chip ${endpointLamp(one)}${one.answered ? " answered" : ""}`, title: `${one.name}: ${words}${one.note ? `: ${one.note}` : ""}${one.answered ? "; is answered" : ""}` },
    lamp(endpointLamp(one)),
    h("span", { class: "who" }, one.name),
    h("span", { class: "how" }, well ? [h("span", { class: "hidden" }, "up, "), text] : text),
    one.answered && h("span", { class: "hidden" }, ", is answered"),
  );
}

/** The endpoints that are shown: those that are ill or answered come first when there are too many. */
function shown(line) {
  if (line.endpoints.length <= SHOWN) return [line.endpoints, 0];
  const weight = (one) => (one.state === "up" || one.state === "unchecked" ? (one.answered ? 1 : 2) : 0);
  const sorted = line.endpoints.toSorted((a, b) => weight(a) - weight(b));
  return [sorted.slice(0, SHOWN - 1), line.endpoints.length - SHOWN + 1];
}

/** Makes an empty row. */
export function makeRow(line) {
  const link = h("a", { class: "name", href: `#service/${encodeURIComponent(line.name)}` }, serviceName(line.name));
  const slots = {
    state: h("span", { class: "state" }),
    under: h("span", { class: "under" }),
    answer: h("div", { class: "answer" }),
    ends: h("div", { class: "ends" }),
    graphs: h("div", { class: "graphs" }),
  };
  const row = h("li", { class: "row", data: { name: line.name } }, slots.state, h("div", { class: "title" }, link, slots.under), slots.answer, slots.ends, slots.graphs);
  row.slots = slots;
  row.link = link;
  return row;
}

/** Fills a row with what is known. */
export function fillRow(row, line) {
  const { state, under, answer, ends, graphs } = row.slots;
  row.className = `row ${line.state}`;
  state.replaceChildren(lamp(line.state, STATE_WORDS[line.state]));
  under.textContent = `${line.policy} · TTL ${line.ttl} s`;
  answer.replaceChildren(
    h("span", { class: "to" }, h("span", { class: "hidden" }, "answers "), h("span", { class: "arrow", "aria-hidden": "true" }), h("b", {}, answering(line)), line.since_unix_ms !== null && [" ", since(line.since_unix_ms, { short: true, prefix: "for " })]),
    h("span", { class: "address" }, addresses(line)),
  );
  const [some, more] = shown(line);
  ends.replaceChildren(...some.map(chip), more > 0 ? h("span", { class: "chip more" }, `+${more}`) : "");
  ends.setAttribute("aria-label", many(line.endpoints.length, "endpoint"));
  drawGraphs(graphs, line);
  wantStrips(line.name, () => drawGraphs(graphs, line));
}

function drawGraphs(place, line) {
  const strips = stripsOf(line.name);
  if (strips === undefined || strips.length === 0) return place.replaceChildren();
  const answered = line.endpoints.find((one) => one.answered)?.name;
  const first = strips.find((one) => one.name === answered) ?? strips[0];
  const lines = [sparkline(first.latency_us, first.name), lanes(strips)];
  place.replaceChildren(...lines.filter((one) => one !== null));
}
