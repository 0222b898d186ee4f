// The server list: a combobox with a listbox (ARIA Authoring Practices, "List Autocomplete with Manual
// Selection"). The list comes with the page; typing only hides and shows its lines.

import { byId, within } from "./dom.js";
import { isSame, keyOf, readEntry, serviceTitle } from "./entry.js";
import { recentKeys } from "./recent.js";

/** @typedef {import("./entry.js").Entry} Entry */
/**
 * A line of the list with what it is searched by.
 * @typedef {{ element: HTMLElement, entry: Entry, name: string, words: string }} Line
 */
/**
 * The lines of one server, which stand together.
 * @typedef {{ element: HTMLElement, lines: Line[] }} Server
 */

/** Shorter lists are seen at a glance and need no part for recent ones. */
const RECENT_FROM = 9;
const PAGE = 8;

export class Menu {
  #picker = byId("picker", HTMLElement);
  #input = byId("search", HTMLInputElement);
  #list = byId("entries", HTMLElement);
  #recent = byId("recent", HTMLElement);
  #allTitle = byId("all-title", HTMLElement);
  #count = byId("count", HTMLElement);
  #none = byId("none", HTMLElement);
  /** In the order of the page. @type {Server[]} */
  #servers = [];
  /** @type {Line[]} */
  #lines = [];
  /** @type {Map<string, Line>} */
  #byKey = new Map();
  /** @type {HTMLElement | null} */
  #active = null;
  /** @type {Entry | null} */
  #current = null;
  #choose;

  /** @param {(entry: Entry, inNewTab: boolean) => void} choose what happens when a line is chosen */
  constructor(choose) {
    this.#choose = choose;
    this.#read();
    this.#input.addEventListener("input", () => this.#filter());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("pointermove", (event) => this.#activate(optionAt(event)));
    // Pressing on a line must not take the focus out of the field.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => this.#take(optionAt(event), event.ctrlKey || event.metaKey));
    this.#filter();
  }

  /** What the list holds, as the gateway marks it. */
  get mark() {
    return this.#list.dataset.mark ?? "";
  }

  get isEmpty() {
    return this.#lines.length === 0;
  }

  /**
   * Takes another list; what is typed stays.
   * @param {HTMLElement} list
   */
  renew(list) {
    for (const { element } of this.#servers) element.remove();
    this.#list.append(...list.querySelectorAll(".server"));
    this.#list.dataset.mark = list.dataset.mark ?? "";
    this.#read();
    this.#showRecent();
    this.setCurrent(this.#current);
    this.#filter();
  }

  /**
   * Moves the list to where it is used, empties the field and puts the cursor there.
   * @param {HTMLElement} slot
   */
  showIn(slot) {
    if (this.#picker.parentElement !== slot) slot.append(this.#picker);
    this.#input.value = "";
    this.#showRecent();
    this.#filter();
    this.focus();
  }

  /** Puts the cursor into the field. */
  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /**
   * Marks the entry that is open.
   * @param {Entry | null} entry
   */
  setCurrent(entry) {
    this.#current = entry;
    for (const line of this.#lines) {
      const isCurrent = isSame(line.entry, entry);
      within(line.element, ".here").hidden = !isCurrent;
      if (isCurrent) line.element.setAttribute("aria-current", "true");
      else line.element.removeAttribute("aria-current");
    }
  }

  /**
   * The name that people know the entry's server by.
   * @param {Entry} entry
   */
  nameOf(entry) {
    const line = this.#byKey.get(keyOf(entry)) ?? this.#lines.find((other) => other.entry.server === entry.server);
    return (line && within(line.element, ".name").textContent) || entry.server;
  }

  #read() {
    this.#servers = [];
    this.#lines = [];
    this.#byKey.clear();
    for (const element of this.#list.querySelectorAll(".server")) {
      if (element instanceof HTMLElement) this.#servers.push({ element, lines: this.#readLines(element) });
    }
  }

  /**
   * @param {HTMLElement} server
   * @returns {Line[]}
   */
  #readLines(server) {
    const lines = [];
    for (const element of server.querySelectorAll("[role=option]")) {
      const entry = element instanceof HTMLElement ? readEntry(element.dataset) : null;
      if (!entry || !(element instanceof HTMLElement)) continue;
      const name = (within(element, ".name").textContent ?? "").toLowerCase();
      const { server, service, account } = entry;
      const words = [name, server, service, serviceTitle(service), account].join("\n").toLowerCase();
      element.id = `entry-${this.#lines.length}`;
      const line = { element, entry, name, words };
      lines.push(line);
      this.#lines.push(line);
      this.#byKey.set(keyOf(entry), line);
    }
    return lines;
  }

  /** The entries opened last, but for the one that is open: so the first one is always the way back. */
  #showRecent() {
    this.#recent.querySelectorAll("[role=option]").forEach((element) => element.remove());
    if (this.#lines.length < RECENT_FROM) return;
    for (const key of recentKeys()) {
      const line = this.#byKey.get(key);
      if (!line || isSame(line.entry, this.#current)) continue;
      const copy = /** @type {HTMLElement} */ (line.element.cloneNode(true));
      copy.id = `recent-${this.#recent.childElementCount}`;
      copy.hidden = false;
      copy.classList.add("lead");
      this.#recent.append(copy);
    }
  }

  #filter() {
    const terms = this.#input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    /** @type {HTMLElement[][]} servers by how well they fit, the best first */
    const ranks = [[], [], [], []];
    for (const server of this.#servers) {
      const visible = server.lines.filter((line) => terms.every((term) => line.words.includes(term)));
      for (const line of server.lines) {
        show(line.element, visible.includes(line));
        // Only the first visible line of a server shows the server's name.
        line.element.classList.toggle("lead", line === visible[0]);
      }
      show(server.element, visible.length > 0);
      shown += visible.length;
      if (visible[0]) ranks[rankOf(visible[0], terms[0])]?.push(server.element);
    }
    const ranked = ranks.flat();
    this.#arrange(ranked);
    const isRecentShown = terms.length === 0 && this.#recent.querySelector("[role=option]") !== null;
    show(this.#recent, isRecentShown);
    show(this.#allTitle, isRecentShown);
    show(this.#none, shown === 0);
    show(this.#list, shown > 0);
    this.#input.setAttribute("aria-expanded", String(shown > 0));
    this.#count.textContent = terms.length === 0 ? "" : `${shown} of ${this.#lines.length}`;
    this.#list.scrollTop = 0;
    this.#activate((isRecentShown ? this.#recent : ranked[0])?.querySelector("[role=option]:not([hidden])"));
  }

  /**
   * Puts the visible servers into this order; nothing moves if they are in it.
   * @param {HTMLElement[]} wanted
   */
  #arrange(wanted) {
    const present = Array.from(this.#list.querySelectorAll(".server:not([hidden])"));
    if (wanted.some((element, place) => element !== present[place])) this.#list.append(...wanted);
  }

  /** The lines that can be reached now, in their order. */
  #options() {
    const shown = Array.from(this.#list.querySelectorAll("[role=option]:not([hidden])"));
    return shown.filter((element) => !element.parentElement?.hidden);
  }

  /** @param {Element | null | undefined} element */
  #activate(element) {
    if (element === this.#active && element?.isConnected) return;
    this.#active?.setAttribute("aria-selected", "false");
    this.#active = element instanceof HTMLElement ? element : null;
    this.#active?.setAttribute("aria-selected", "true");
    if (this.#active) this.#input.setAttribute("aria-activedescendant", this.#active.id);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {Element | null | undefined} element
   * @param {boolean} inNewTab
   */
  #take(element, inNewTab) {
    const entry = element instanceof HTMLElement ? readEntry(element.dataset) : null;
    if (entry) this.#choose(entry, inNewTab);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    // While an input method composes a character, keys belong to it.
    if (event.isComposing || event.altKey) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#take(this.#active, event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape" && this.#input.value !== "" && !this.#picker.closest("dialog")) {
      this.#input.value = "";
      this.#filter();
    } else if (!event.shiftKey && !event.ctrlKey && !event.metaKey) {
      this.#step(event);
    }
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const options = this.#options();
    const last = options.length - 1;
    if (last < 0) return;
    const here = this.#active ? options.indexOf(this.#active) : -1;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowDown: here === last ? 0 : here + 1,
      ArrowUp: here <= 0 ? last : here - 1,
      PageDown: Math.min(here + PAGE, last),
      PageUp: Math.max(here - PAGE, 0),
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#activate(options[target]);
    if (target === 0) this.#list.scrollTop = 0;
    this.#active?.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Shows or hides. What is so already is not touched: each change costs the browser a look at its styles.
 * @param {HTMLElement} element
 * @param {boolean} isVisible
 */
function show(element, isVisible) {
  if (element.hidden === isVisible) element.hidden = !isVisible;
}

/**
 * How well a server fits: its id itself, then what begins with the first word, then what contains it.
 * @param {Line} line
 * @param {string | undefined} term
 */
function rankOf(line, term) {
  if (term === undefined) return 0;
  if (line.entry.server === term) return 1;
  return line.entry.server.startsWith(term) || line.name.startsWith(term) ? 2 : 3;
}

/** @param {Event} event */
function optionAt(event) {
  return event.target instanceof Element ? event.target.closest("[role=option]") : null;
}
