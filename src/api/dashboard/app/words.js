// Times and numbers as people read them.

/** How far the server's clock is ahead of this one, in milliseconds. */
let ahead = 0;

/** Notes what the server's clock said. */
export function setClock(serverMs) {
  ahead = serverMs - Date.now();
}

/** Now, by the server's clock. */
export const now = () => Date.now() + ahead;

/** The two largest units of a length: `8 s`, `4 min 12 s`, `3 d 4 h`. */
export function length(ms) {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [];
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0 || parts.length > 0) parts.push(count > 0 ? `${count} ${unit}` : "");
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(" ") || "0 s";
}

/** A short length: `<1 min` steps are left to `length`; from an hour on one unit is enough. */
export function shortLength(ms) {
  if (ms < 3600_000) return length(ms);
  const hours = ms / 3600_000;
  if (hours < 48) return `${Math.floor(hours)} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** A number with its thousands apart. */
export const count = (number) => number.toLocaleString("en-US").replaceAll(",", "\u202f");

/** `1 service`, `2 services`. */
export const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Microseconds: `0.8 ms`, `12 ms`, `1.2 s`. */
export function latency(us) {
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1_000_000).toFixed(1)} s`;
}

/** A share as a percentage that says 100 % only of all. */
export function percent(share) {
  if (share >= 1) return "100 %";
  const shown = Math.min(99.99, share * 100);
  return `${shown >= 99 ? shown.toFixed(2) : shown.toFixed(1)} %`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** `03:02:11` */
export const clock = (ms) => CLOCK.format(ms);

/** `Wednesday 25 November` */
export const day = (ms) => DAY.format(ms);

/** `25 Nov 2026, 03:02:11` */
export const whole = (ms) => WHOLE.format(ms);

/** Plain text of a `fetch` that failed. */
export const reason = (error) => error?.detail ?? error?.message ?? String(error);
