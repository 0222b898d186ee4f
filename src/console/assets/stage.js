// The place below the bar: the start, an opening, the panel in its frame, or what went wrong.

import { requestPanel } from "./api.js";
import { byId } from "./dom.js";
import { isSame, titleOf } from "./entry.js";

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {import("./api.js").Problem} Problem */
/** @typedef {{ entry: Entry, frame: HTMLIFrameElement, origin: string }} Panel */
/** @typedef {{ entry: Entry, abort: AbortController, panel: Panel | null }} Attempt */
/**
 * What the stage tells the console.
 * @typedef {object} Listener
 * @property {(entry: Entry | null) => void} changed the stage is now about this entry, or about none
 * @property {(entry: Entry) => void} opened its panel can be seen
 * @property {(entry: Entry | null) => void} cancelled an opening was given up; this is what is left
 * @property {(signIn: string) => void} signedOut the session has ended
 * @property {(problem: Problem) => void} otherPerson somebody else has signed in in another tab
 * @property {(address: string) => void} stepUp somebody goes to sign in again for what failed
 * @property {() => void} choose somebody wants the server list
 */

/** How long an opening may be silent. */
const PATIENCE_MS = 5_000;
/** How long a frame stays covered that has begun but not finished to load. */
const COVER_MS = 2_500;
/** How long a frame may load before the page offers to open it again. */
const SLOW_MS = 20_000;

export class Stage {
  #start = byId("start", HTMLElement);
  #opening = byId("opening", HTMLElement);
  #openingTitle = byId("opening-title", HTMLElement);
  #openingHint = byId("opening-hint", HTMLElement);
  #problem = byId("problem", HTMLElement);
  #progress = byId("progress", HTMLElement);
  #slot = byId("frame-slot", HTMLElement);
  #slow = byId("slow", HTMLElement);
  #live = byId("live", HTMLElement);
  #template = byId("frame-template", HTMLTemplateElement);
  /** @type {Panel | null} */
  #shown = null;
  /** @type {Attempt | null} */
  #attempt = null;
  /** @type {Entry | null} */
  #failed = null;
  /** Where a stronger sign-in is to be had for what failed. */
  #stepUp = "";
  /** @type {number[]} */
  #timers = [];
  #path;
  #listener;

  /**
   * @param {string} path where panels are asked for
   * @param {Listener} listener
   */
  constructor(path, listener) {
    this.#path = path;
    this.#listener = listener;
    byId("cancel", HTMLElement).addEventListener("click", () => this.cancel());
    byId("retry", HTMLElement).addEventListener("click", () => (this.#stepUp ? listener.stepUp(this.#stepUp) : this.reopen()));
    byId("choose", HTMLElement).addEventListener("click", () => listener.choose());
    byId("slow-retry", HTMLElement).addEventListener("click", () => this.reopen());
    byId("slow-hide", HTMLElement).addEventListener("click", () => (this.#slow.hidden = true));
  }

  /** Whether an opening is under way that can be cancelled. */
  get isOpening() {
    return this.#attempt !== null;
  }

  /** What is open in the frame. */
  get shown() {
    return this.#shown?.entry ?? null;
  }

  /** Whether something waits for a stronger sign-in. */
  get isTooWeak() {
    return this.#stepUp !== "";
  }

  /** Whether the start is what is seen. */
  get isAtStart() {
    return !this.#start.hidden;
  }

  /** Lets go of the open panel, which somebody has logged out of. */
  leave() {
    if (!this.#shown) return;
    this.#say(`You have left ${titleOf(this.#shown.entry)}`);
    this.#remove();
  }

  /** Shows the start. An open panel stays loaded behind it. */
  showStart() {
    this.#drop();
    this.#show(this.#start);
    this.#listener.changed(null);
  }

  /**
   * Opens an entry; if its panel is open already, only shows it.
   * @param {Entry} entry
   */
  async open(entry) {
    this.#drop();
    if (isSame(this.#shown?.entry, entry)) return this.#uncover();
    /** @type {Attempt} */
    const attempt = { entry, abort: new AbortController(), panel: null };
    this.#attempt = attempt;
    this.#failed = null;
    this.#openingTitle.textContent = `Opening ${titleOf(entry)}…`;
    this.#openingHint.hidden = true;
    this.#show(this.#opening);
    this.#progress.hidden = false;
    this.#opening.focus();
    this.#listener.changed(entry);
    this.#after(PATIENCE_MS, () => {
      this.#openingHint.hidden = false;
      this.#say(this.#openingHint.textContent ?? "");
    });
    try {
      const answer = await requestPanel(this.#path, entry, attempt.abort.signal);
      if (this.#attempt !== attempt) return;
      if (answer.kind === "opened") this.#mount(attempt, answer.frame, answer.title);
      else if (answer.kind === "failed") this.#fail(entry, answer);
      else if (answer.kind === "other-person") this.#listener.otherPerson(answer.problem);
      else this.#endSession(answer.signIn);
    } catch (cause) {
      // Given up by the person, or overtaken by another opening.
      if (!attempt.abort.signal.aborted) throw cause;
    }
  }

  /** Gives up an opening and goes back to what was there before. */
  cancel() {
    if (!this.#attempt) return;
    this.#drop();
    this.#say("Cancelled");
    if (this.#shown) this.#uncover();
    else this.showStart();
    this.#listener.cancelled(this.#shown?.entry ?? null);
  }

  /** Opens what is shown, or what failed, once more. */
  reopen() {
    const entry = this.#attempt?.entry ?? this.#failed ?? this.#shown?.entry;
    if (!entry) return;
    this.#drop();
    if (isSame(this.#shown?.entry, entry)) this.#remove();
    void this.open(entry);
  }

  /** Gives the open panel's origin an entry of the new session, in a frame that nobody sees. */
  async enterAgain() {
    const panel = this.#shown;
    if (!panel) return;
    const answer = await requestPanel(this.#path, panel.entry, new AbortController().signal);
    if (this.#shown !== panel) return;
    if (answer.kind === "failed") this.#fail(panel.entry, answer);
    else if (answer.kind === "signed-out") this.#listener.signedOut(answer.signIn);
    else if (answer.kind === "other-person") this.#listener.otherPerson(answer.problem);
    else {
      const door = this.#frame();
      door.inert = true;
      door.addEventListener("load", () => door.remove(), { once: true });
      door.src = answer.frame.href;
      this.#slot.append(door);
    }
  }

  /**
   * Whether a message comes from the frame that is open or being opened, or from a frame in it, and from the
   * origin it was opened on. WHM frames WHM, so pages of ours can stand at any depth.
   * @param {MessageEvent} event
   */
  isFromPanel(event) {
    return [this.#shown, this.#attempt?.panel].some(
      (panel) => panel && event.origin === panel.origin && isWithin(event.source, panel.frame.contentWindow),
    );
  }

  /**
   * @param {Attempt} attempt
   * @param {URL} address
   * @param {string} title
   */
  #mount(attempt, address, title) {
    const frame = this.#frame();
    frame.title = title || titleOf(attempt.entry);
    const panel = { entry: attempt.entry, frame, origin: address.origin };
    attempt.panel = panel;
    frame.addEventListener("load", () => this.#loaded(panel), { once: true });
    // The address is set before the frame is in the page, so its first load is no step of the history.
    frame.src = address.href;
    this.#slot.append(frame);
    this.#after(COVER_MS, () => this.#reveal(panel));
    this.#after(SLOW_MS, () => (this.#slow.hidden = false));
  }

  /** A frame that nobody sees yet. */
  #frame() {
    const content = document.importNode(this.#template.content, true);
    const frame = /** @type {HTMLIFrameElement} */ (content.firstElementChild);
    frame.classList.add("covered");
    return frame;
  }

  /** @param {Panel} panel */
  #loaded(panel) {
    if (panel !== this.#shown && panel !== this.#attempt?.panel) return;
    this.#reveal(panel);
    this.#settle();
  }

  /**
   * Lets a new panel take the place of the one before.
   * @param {Panel} panel
   */
  #reveal(panel) {
    if (this.#attempt?.panel !== panel) return;
    this.#remove();
    this.#attempt = null;
    this.#shown = panel;
    panel.frame.classList.remove("covered");
    const hadFocus = document.activeElement === document.body || this.#opening.contains(document.activeElement);
    this.#uncover();
    if (hadFocus) panel.frame.focus();
    this.#say(`${titleOf(panel.entry)} is open`);
    this.#listener.opened(panel.entry);
  }

  /**
   * Where it is not permitted, another server helps rather than another try, unless it is for a stronger sign-in.
   * @param {Entry} entry
   * @param {Extract<import("./api.js").Answer, { kind: "failed" }>} answer
   */
  #fail(entry, { problem, denied, stepUp }) {
    this.#drop();
    this.#failed = entry;
    this.#stepUp = stepUp ?? "";
    const retry = byId("retry", HTMLElement);
    retry.textContent = stepUp ? "Sign in again" : "Try again";
    for (const part of /** @type {const} */ (["title", "what", "todo", "reference"])) {
      byId(`problem-${part}`, HTMLElement).textContent = problem[part];
    }
    byId("problem-reference-line", HTMLElement).hidden = problem.reference === "";
    this.#problem.dataset.code = problem.code;
    const offers = [retry, byId("choose", HTMLElement)];
    if (denied && !stepUp) offers.reverse();
    offers.forEach((offer, place) => offer.classList.toggle("primary", place === 0));
    offers[0]?.parentElement?.replaceChildren(...offers);
    this.#show(this.#problem);
    byId("problem-title", HTMLElement).focus();
  }

  /** @param {string} signIn */
  #endSession(signIn) {
    this.#drop();
    if (this.#shown) this.#uncover();
    else this.showStart();
    this.#listener.signedOut(signIn);
  }

  /** Shows the open panel. */
  #uncover() {
    this.#show(null);
    this.#listener.changed(this.#shown?.entry ?? null);
  }

  /**
   * Shows one part in front of the panel, or the panel itself. The panel keeps its size and its state
   * behind a part, but can't be reached.
   * @param {HTMLElement | null} part
   */
  #show(part) {
    for (const other of [this.#start, this.#opening, this.#problem]) other.hidden = other !== part;
    this.#slot.inert = part !== null;
  }

  /** Stops an opening without a word. */
  #drop() {
    this.#settle();
    this.#attempt?.abort.abort();
    this.#attempt?.panel?.frame.remove();
    this.#attempt = null;
    this.#failed = null;
    this.#stepUp = "";
  }

  /** Removes the open panel. */
  #remove() {
    this.#shown?.frame.remove();
    this.#shown = null;
  }

  /** Nothing is under way any more. */
  #settle() {
    this.#timers.forEach(clearTimeout);
    this.#timers = [];
    this.#progress.hidden = true;
    this.#slow.hidden = true;
  }

  /**
   * @param {number} delay in milliseconds
   * @param {() => void} act
   */
  #after(delay, act) {
    this.#timers.push(window.setTimeout(act, delay));
  }

  /** @param {string} text for a screen reader */
  #say(text) {
    this.#live.textContent = text;
  }
}

/**
 * @param {MessageEventSource | null} source
 * @param {Window | null} outer
 */
function isWithin(source, outer) {
  for (let inner = /** @type {Window | null} */ (source); inner && outer; inner = inner.parent) {
    if (inner === outer) return true;
    if (inner === inner.parent) return false;
  }
  return false;
}
