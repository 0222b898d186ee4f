// Ties the server list, the stage, the history and the keyboard together.

import { freshList, sessionState } from "./api.js";
import { byId, isApple, within } from "./dom.js";
import { keyOf, pathOf, readEntry, serviceTitle, titleOf } from "./entry.js";
import { Menu } from "./menu.js";
import { listen } from "./notices.js";
import { forget, remember } from "./recent.js";
import { Stage } from "./stage.js";
import { onSignedIn, tellSignedIn } from "./tabs.js";

/** @typedef {import("./entry.js").Entry} Entry */

/** Where a sign-in ends that is done beside the page. */
const BESIDE = "/signed-in";
/** How often a visible page asks whether its session still lives. */
const SESSION_CHECK_MS = 60_000;

const page = document.body.dataset;
const menuDialog = byId("menu", HTMLDialogElement);
const menuSlot = byId("menu-slot", HTMLElement);
const startSlot = byId("start-slot", HTMLElement);
const ended = byId("ended", HTMLDialogElement);
const signInLink = byId("ended-continue", HTMLAnchorElement);
/** What stands in front of everything. @type {"ended" | "too-weak" | "other-person"} */
let interruption = "ended";
/** The panel in whose place a page of ours says that the session has ended. @type {Entry | null} */
let gone = null;

const menu = new Menu((entry, inNewTab) => {
  menuDialog.close();
  if (inNewTab) window.open(pathOf(entry), "_blank", "noopener");
  else go(entry);
});

const stage = new Stage(page.open ?? "", {
  changed: showCurrent,
  opened: (entry) => remember(keyOf(entry)),
  cancelled: (entry) => history.replaceState(entry, "", entry ? pathOf(entry) : "/"),
  signedOut: showEnded,
  otherPerson: showOther,
  stepUp: (address) => signInBeside(address) || location.assign(address),
  choose: openMenu,
});

/**
 * Goes to an entry, or to the start, as a step of the history.
 * @param {Entry | null} entry
 */
function go(entry) {
  const path = entry ? pathOf(entry) : "/";
  if (path !== location.pathname) history.pushState(entry, "", path);
  show(entry);
}

/** @param {Entry | null} entry */
function show(entry) {
  menuDialog.close();
  if (entry) {
    void stage.open(entry);
  } else {
    stage.showStart();
    menu.showIn(startSlot);
  }
}

/**
 * Says in the bar, the list and the title what the stage is about.
 * @param {Entry | null} entry
 */
function showCurrent(entry) {
  byId("notice", HTMLElement).hidden = true;
  const current = byId("current", HTMLElement);
  current.hidden = entry === null;
  menu.setCurrent(entry);
  const title = entry ? titleOf(entry) : "Servers";
  document.title = `${title} – Panelgate`;
  byId("stage-title", HTMLElement).textContent = title;
  if (!entry) return;
  const name = menu.nameOf(entry);
  const id = name === entry.server ? "" : entry.server;
  const parts = { name, id, service: serviceTitle(entry.service), account: entry.account };
  for (const [part, text] of Object.entries(parts)) within(current, `[data-part=${part}]`).textContent = text;
}

/**
 * The person has logged out of the panel.
 * @param {Entry | null} entry
 */
function leave(entry) {
  if (!entry) return;
  stage.leave();
  go(null);
}

/**
 * The person goes on from the panel to another account or service of the same server. A panel can ask for
 * no more than that; whether the person may is judged when it is opened.
 * @param {Entry | null} from
 * @param {Record<string, unknown>} wish
 */
function goOn(from, wish) {
  const entry = from && readEntry({ ...wish, server: from.server });
  if (entry) go(entry);
}

function openMenu() {
  if (stage.isAtStart) menu.focus();
  else if (!menuDialog.open && !ended.open) {
    menuDialog.showModal();
    menu.showIn(menuSlot);
  }
}

/** @param {string} signIn where to sign in again, on this origin */
function showEnded(signIn) {
  const fallback = page.signIn ?? "/";
  const given = URL.canParse(signIn, location.href) ? new URL(signIn, location.href) : null;
  const address = given?.origin === location.origin && signIn ? given : new URL(fallback, location.href);
  address.searchParams.set("return_to", location.pathname);
  const text = "Sign in again to continue. Until then the page behind stays as it is, with what you typed in it.";
  interrupt("ended", "Your session ended", text, address.pathname + address.search);
}

/** @param {import("./api.js").Problem} problem */
function showOther({ title, what, todo }) {
  interrupt("other-person", title, `${what} ${todo}`, location.pathname);
}

/**
 * @param {typeof interruption} why
 * @param {string} title
 * @param {string} text
 * @param {string} address where to go on
 */
function interrupt(why, title, text, address) {
  interruption = why;
  byId("ended-title", HTMLElement).textContent = title;
  byId("ended-text", HTMLElement).textContent = text;
  signInLink.href = address;
  menuDialog.close();
  if (!ended.open) ended.showModal();
}

/**
 * Signs in in a window beside the page, which keeps what is open in it. Where nothing is, or windows are
 * blocked, the page itself has to go there and come back.
 * @param {string} address
 * @returns {boolean} whether there is such a window
 */
function signInBeside(address) {
  const beside = new URL(address, location.href);
  beside.searchParams.set("return_to", BESIDE);
  return stage.shown !== null && window.open(beside, "panelgate-sign-in", "popup,width=520,height=720") !== null;
}

/** Goes on after a sign-in in another tab. */
async function goOnAfterSignIn() {
  const state = await sessionState(page.session ?? "");
  if (state.kind === "other-person") showOther(state.problem);
  if (state.kind !== "lives" || (!ended.open && !stage.isTooWeak)) return;
  listenAgain();
  if (ended.open) {
    ended.close();
    if (interruption === "ended" && gone === stage.shown) stage.reopen();
    else if (interruption === "ended") await stage.enterAgain();
  }
  if (stage.isTooWeak) stage.reopen();
}

async function checkSession() {
  if (document.visibilityState !== "visible" || ended.open || stage.isAtStart) return;
  const state = await sessionState(page.session ?? "");
  if (state.kind === "signed-out") showEnded(state.signIn);
  else if (state.kind === "other-person") showOther(state.problem);
}

/**
 * Says what happened behind the frame, which stays as it is. Other panels' consoles say it for themselves.
 * @param {string} server
 * @param {string} service
 * @param {import("./api.js").Problem} problem
 * @param {string} stepUp where a stronger sign-in is to be had, if that is what is lacking
 */
function showNotice(server, service, { title, what, todo, reference }, stepUp) {
  const shown = stage.shown;
  if (shown?.server !== server || shown.service !== service) return;
  const notice = byId("notice", HTMLElement);
  // Said once in front of everything; whoever puts it aside is told in passing.
  if (stepUp && !ended.open && notice.hidden) interrupt("too-weak", title, `${what} ${todo}`, stepUp);
  byId("notice-text", HTMLElement).textContent = `${title}. ${what} ${todo} (${reference})`;
  notice.hidden = saysWhy();
}

/** Whether the words of the notice stand in the dialog. */
function saysWhy() {
  return ended.open && interruption === "too-weak";
}

/** Puts the dialog aside. */
function stay() {
  if (saysWhy()) byId("notice", HTMLElement).hidden = false;
  ended.close();
}

/** Others may open other things from now on: the list follows, whatever is open. */
async function renewList() {
  const fresh = await freshList(page.list ?? "");
  const list = fresh?.getElementById("entries");
  if (!fresh || !list) return;
  menu.renew(list);
  byId("summary", HTMLElement).textContent = fresh.getElementById("summary")?.textContent ?? "";
  byId("live", HTMLElement).textContent = "The list of servers has changed.";
  // The page without servers says why there are none.
  if (menu.isEmpty && stage.isAtStart) location.reload();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const isEditing = event.target instanceof Element && event.target.matches("input, textarea, [contenteditable]");
  const isPlainSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isEditing;
  const isChord = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  if (isPlainSlash || isChord) {
    event.preventDefault();
    if (menuDialog.open) menuDialog.close();
    else openMenu();
  } else if (event.key === "Escape" && stage.isOpening && !menuDialog.open && !ended.open) {
    stage.cancel();
  }
}

/**
 * What a page of ours asks from inside the frame. The panel beside it could ask the same, so each is
 * harmless, and what opens something counts only while somebody is pressing a key or a button.
 * @param {MessageEvent} event
 */
function onMessage(event) {
  if (!stage.isFromPanel(event) || typeof event.data !== "object" || event.data === null) return;
  const isPressed = navigator.userActivation?.isActive !== false;
  if (event.data.panelgate === "choose" && isPressed) openMenu();
  else if (event.data.panelgate === "reopen" && isPressed) stage.reopen();
  else if (event.data.panelgate === "sign-in") {
    gone = stage.shown;
    void checkSession();
  }
  else if (event.data.panelgate === "left") leave(stage.shown);
  else if (event.data.panelgate === "hop") goOn(stage.shown, event.data);
}

for (const element of document.querySelectorAll("[data-mod]")) element.textContent = isApple ? "⌘" : "Ctrl";
byId("menu-button", HTMLElement).addEventListener("click", openMenu);
signInLink.addEventListener("click", (event) => {
  if (interruption !== "other-person" && signInBeside(signInLink.href)) event.preventDefault();
});
byId("ended-stay", HTMLElement).addEventListener("click", stay);
ended.addEventListener("cancel", stay);
within(document, ".brand").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(null);
});
// A press on the backdrop lands on the dialog itself; its content covers the rest.
menuDialog.addEventListener("click", (event) => {
  if (event.target === menuDialog) menuDialog.close();
});
within(document, "#person-menu form").addEventListener("submit", forget);
byId("notice-hide", HTMLElement).addEventListener("click", () => (byId("notice", HTMLElement).hidden = true));
document.addEventListener("keydown", onKey);
window.addEventListener("message", onMessage);
window.addEventListener("popstate", (event) => show(readEntry(event.state)));
document.addEventListener("visibilitychange", () => void checkSession());
setInterval(() => void checkSession(), SESSION_CHECK_MS);
const heard = { told: showNotice, listChanged: () => void renewList(), broken: () => void checkSession() };
const listenAgain = listen(page.notices ?? "", () => menu.mark, heard);
onSignedIn(goOnAfterSignIn);
tellSignedIn();

const selected = readEntry(page);
history.replaceState(selected, "");
show(selected);
