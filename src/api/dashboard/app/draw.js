// Small drawings: a sparkline of latency, strips of uptime. Each is one image with a name that says what it shows.

import { h, s } from "./dom.js";
import { latency, percent } from "./words.js";

/** The latest of `values` that is not null; undefined without one. */
const latest = (values) => values.findLast((value) => value !== null);

/** Latency of the last probes, oldest first; `null`: it failed. */
export function sparkline(values, name, { width = 96, height = 28 } = {}) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) {
    return h("span", { class: "spark empty" }, values.length > 0 ? "no answer" : "");
  }
  const [low, high] = [Math.min(...known), Math.max(...known)];
  // A line that is nearly flat is drawn flat: noise is no news.
  const span = Math.max(high - low, high * 0.25, 1);
  const middle = (high + low) / 2;
  const x = (index) => (values.length === 1 ? width / 2 : 1.5 + (index * (width - 3)) / (values.length - 1));
  const y = (value) => height / 2 - ((value - middle) / span) * (height - 8);
  let [line, misses, pen] = ["", "", "M"];
  values.forEach((value, index) => {
    if (value === null) {
      misses += `M${x(index).toFixed(1)} ${height - 5}v4`;
      pen = "M";
    } else {
      line += `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  const failed = values.length - known.length;
  const label = `Latency of ${name}, last ${values.length} probes: now ${latency(latest(values))}, ${latency(low)} to ${latency(high)}${failed ? `, ${failed} failed` : ""}`;
  const last = values.length - 1;
  return s(
    "svg",
    { class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
    s("path", { class: "line", d: line, "vector-effect": "non-scaling-stroke" }),
    misses && s("path", { class: "miss", d: misses, "vector-effect": "non-scaling-stroke" }),
    values[last] !== null && s("path", { class: "end", d: `M${x(last).toFixed(1)} ${y(values[last]).toFixed(1)}h.01`, "vector-effect": "non-scaling-stroke" }),
  );
}

/** The mean of what is known; null without any. */
export function mean(shares) {
  const known = shares.filter((share) => share !== null);
  return known.length === 0 ? null : known.reduce((sum, share) => sum + share, 0) / known.length;
}

/** A share's class: all up, nearly, partly, mostly not. */
function grade(share) {
  if (share === null || share === undefined) return "none";
  if (share >= 0.9999) return "up";
  if (share >= 0.99) return "near";
  return share >= 0.5 ? "part" : "down";
}

/**
 * Uptime in equal steps, oldest first: one path for each grade, however many steps. Where it was partly up, the bar is
 * shorter, so that colour alone says nothing.
 */
export function strip(shares, { name, span, height = 14, gap = 0.25 } = {}) {
  const paths = { up: "", near: "", part: "", down: "", none: "" };
  shares.forEach((share, index) => {
    const kind = grade(share);
    const tall = kind === "up" ? height : kind === "near" ? height * 0.82 : kind === "none" ? 2 : Math.max(3, height * (0.35 + 0.4 * (share ?? 0)));
    paths[kind] += `M${(index + gap / 2).toFixed(3)} ${height}v-${tall.toFixed(1)}h${(1 - gap).toFixed(3)}V${height}z`;
  });
  const share = mean(shares);
  const label = name === undefined ? { "aria-hidden": "true" } : { role: "img", "aria-label": `${name}, ${span}: ${share === null ? "nothing known" : `${percent(share)} up`}` };
  return s(
    "svg",
    { class: "strip", viewBox: `0 0 ${shares.length} ${height}`, preserveAspectRatio: "none", ...label },
    Object.entries(paths).map(([kind, d]) => d && s("path", { class: kind, d })),
  );
}

/** Strips of several endpoints, one above the other, as thin lanes. */
export function lanes(endpoints, most = 4) {
  const shown = endpoints.filter((one) => one.day.length > 0).slice(0, most);
  if (shown.length === 0) return null;
  const words = shown.map((one) => `${one.name} ${mean(one.day) === null ? "unknown" : percent(mean(one.day))}`);
  return h(
    "span",
    { class: "lanes", role: "img", "aria-label": `Last 24 hours up: ${words.join(", ")}` },
    shown.map((one) => strip(one.day, { height: 10, gap: 0 })),
  );
}
