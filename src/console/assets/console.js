// The console page: ties the server list, the stage, the history and the keyboard together.

import { endedSession, freshList } from "./api.js";
import { byId, isApple, within } from "./dom.js";
import { keyOf, pathOf, readEntry, serviceTitle, titleOf } from "./entry.js";
import { Menu } from "./menu.js";
import { listen } from "./notices.js";
import { forget, remember } from "./recent.js";
import { Stage } from "./stage.js";

/** @typedef {import("./entry.js").Entry} Entry */

/** How often a visible page asks whether its session still lives. */
const SESSION_CHECK_MS = 60_000;

const page = document.body.dataset;
const menuDialog = byId("menu", HTMLDialogElement);
const menuSlot = byId("menu-slot", HTMLElement);
const startSlot = byId("start-slot", HTMLElement);
const ended = byId("ended", HTMLDialogElement);
const signInLink = byId("ended-continue", HTMLAnchorElement);

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
  document.title = `${entry ? titleOf(entry) : "Servers"} – Panelgate`;
  byId("stage-title", HTMLElement).textContent = entry ? titleOf(entry) : "Servers";
  if (!entry) return;
  const name = menu.nameOf(entry);
  within(current, "[data-part=name]").textContent = name;
  within(current, "[data-part=id]").textContent = name === entry.server ? "" : entry.server;
  within(current, "[data-part=service]").textContent = serviceTitle(entry.service);
  within(current, "[data-part=account]").textContent = entry.account;
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
  signInLink.href = address.pathname + address.search;
  menuDialog.close();
  if (!ended.open) ended.showModal();
}

async function checkSession() {
  if (document.visibilityState !== "visible" || ended.open || stage.isAtStart) return;
  const signIn = await endedSession(page.session ?? "");
  if (signIn !== null) showEnded(signIn);
}

/**
 * Says what happened behind the frame, which stays as it is. Other panels' consoles say it for themselves.
 * @param {string} server
 * @param {string} service
 * @param {import("./api.js").Problem} problem
 */
function showNotice(server, service, { title, what, todo, reference }) {
  const shown = stage.shown;
  if (shown?.server !== server || shown.service !== service) return;
  byId("notice-text", HTMLElement).textContent = `${title}. ${what} ${todo} (${reference})`;
  byId("notice", HTMLElement).hidden = false;
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
  else if (event.data.panelgate === "sign-in") void checkSession();
  else if (event.data.panelgate === "left") leave(stage.shown);
  else if (event.data.panelgate === "hop") goOn(stage.shown, event.data);
}

for (const element of document.querySelectorAll("[data-mod]")) element.textContent = isApple ? "⌘" : "Ctrl";
byId("menu-button", HTMLElement).addEventListener("click", openMenu);
byId("ended-stay", HTMLElement).addEventListener("click", () => ended.close());
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
listen(page.notices ?? "", showNotice, () => menu.mark, () => void renewList());

const selected = readEntry(page);
history.replaceState(selected, "");
show(selected);
