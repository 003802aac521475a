// Making elements. Text is only ever set as text: nothing that came from outside can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "data") {
      for (const [key, entry] of Object.entries(value)) if (entry != null) element.dataset[key] = entry;
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** An element of HTML. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** An element of SVG. */
export const s = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Sets text only when it differs: a live region says nothing twice, and nothing is laid out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Replaces the content of `place`; what has a `data-key` keeps its focus, its being open and, of fields, nothing else.
 */
export function redraw(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set([...place.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  place.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
  for (const one of place.querySelectorAll("details[data-key]")) if (open.has(one.dataset.key)) one.open = true;
  if (focused === undefined) return;
  const again = [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused);
  again?.focus({ preventScroll: true });
}

/** Calls `work` once in the next frame, however often it is asked for until then. */
export function once(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Calls `work` once when it has not been asked for during a quarter of a second. */
export function soon(work) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 250);
  };
}
