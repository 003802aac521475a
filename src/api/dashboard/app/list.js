// A list of any length of which only what is seen exists: twenty thousand endpoints cost as much as twenty.

import { once } from "./dom.js";

/** Rows kept above and below what is seen, so that scrolling finds them there. */
const MARGIN = 6;

export class List {
  #scroller;
  #list;
  #make;
  #fill;
  #leave;
  #items = [];
  #nodes = new Map();
  #height = 0;
  #draw = once(() => this.#render());

  constructor(scroller, list, { make, fill, leave }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#make = make;
    this.#fill = fill;
    this.#leave = leave;
    scroller.addEventListener("scroll", this.#draw, { passive: true });
    new ResizeObserver(() => {
      this.#height = 0;
      this.#draw();
    }).observe(scroller);
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows these, each with a `name` of its own. */
  show(items) {
    this.#items = items;
    this.#draw();
  }

  /** Names of what is on the screen. */
  get seen() {
    return [...this.#nodes.keys()];
  }

  /** A row's height as the style sheet has it. */
  #measure() {
    const height = Number.parseFloat(getComputedStyle(this.#list).getPropertyValue("--row"));
    this.#height = Number.isFinite(height) && height > 0 ? height : 80;
  }

  #range() {
    const top = this.#scroller.scrollTop - this.#list.offsetTop;
    const first = Math.max(0, Math.floor(top / this.#height) - MARGIN);
    const count = Math.ceil(this.#scroller.clientHeight / this.#height) + 2 * MARGIN;
    return [Math.min(first, Math.max(0, this.#items.length - 1)), Math.min(this.#items.length, first + count)];
  }

  #render() {
    if (this.#height === 0) this.#measure();
    const tall = `${this.#items.length * this.#height}px`;
    if (this.#list.style.height !== tall) this.#list.style.height = tall;
    const [first, end] = this.#range();
    const wanted = new Set();
    for (let index = first; index < end; index += 1) wanted.add(this.#items[index].name);
    const focused = document.activeElement?.closest?.(".row");
    for (const [name, node] of this.#nodes) {
      // What has the focus stays while it is scrolled out of sight, not when it is no longer where it was.
      const stays = node === focused && this.#items[node.index]?.name === name;
      if (wanted.has(name) || stays) continue;
      node.remove();
      this.#nodes.delete(name);
      this.#leave(name);
    }
    let before = this.#list.firstElementChild;
    for (let index = first; index < end; index += 1) {
      const item = this.#items[index];
      let node = this.#nodes.get(item.name);
      if (node === undefined) {
        node = this.#make(item);
        this.#nodes.set(item.name, node);
      }
      if (node.item !== item) {
        node.item = item;
        this.#fill(node, item);
      }
      if (node.index !== index || node.tall !== this.#height) {
        node.index = index;
        node.tall = this.#height;
        node.style.transform = `translateY(${index * this.#height}px)`;
        node.setAttribute("aria-posinset", String(index + 1));
      }
      node.setAttribute("aria-setsize", String(this.#items.length));
      if (node === before) before = before.nextElementSibling;
      else this.#list.insertBefore(node, before);
    }
  }

  /** Arrows, Page and Home keys go from row to row, also to those that do not exist yet. */
  #key(event) {
    const row = event.target.closest(".row");
    if (row === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / this.#height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.focus(Math.min(this.#items.length - 1, Math.max(0, row.index + steps[event.key])));
  }

  /** Scrolls to this row and focuses its link. */
  focus(index) {
    const item = this.#items[index];
    if (item === undefined) return;
    const top = this.#list.offsetTop + index * this.#height;
    const { scrollTop, clientHeight } = this.#scroller;
    const sticky = Number.parseFloat(getComputedStyle(this.#list).getPropertyValue("--sticky")) || 0;
    if (top < scrollTop + sticky) this.#scroller.scrollTop = top - sticky;
    else if (top + this.#height > scrollTop + clientHeight) this.#scroller.scrollTop = top + this.#height - clientHeight;
    this.#render();
    this.#nodes.get(item.name)?.link.focus({ preventScroll: true });
  }
}
