// The console as people use it.

import assert from "node:assert/strict";

import { click, frameIn, says, until, visible } from "./journey.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./journey.js").Journey} Journey */

/** The frame of the panel that is open. */
export const PANEL = "iframe.frame:not(.covered)";

/**
 * Signs in on the provider's page, which must be there or on its way.
 * @param {Page} page
 * @param {string} login which is the password too
 */
export async function signIn(page, login) {
  const field = await visible(page, "input[name=login]");
  await field.type(login);
  const password = await visible(page, "input[name=password]");
  await password.type(login);
  await page.keyboard.press("Enter");
}

/**
 * Goes on from what stands in front of the page, signs in as ada in the window that opens beside it, and waits
 * until that has closed.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function signInBeside(journey, page) {
  await click(page, "#ended-continue");
  const beside = await until("a window beside the page", async () => {
    const pages = await journey.browser.pages();
    return pages.find((other) => other !== page && other.url().startsWith(journey.told.issuer));
  });
  await signIn(beside, "ada");
  await until("the window to close", async () => beside.isClosed());
  await until("the page to go on", () => page.evaluate(() => !document.querySelector("dialog[open]")));
}

/**
 * By keyboard: a menu that is still on its way to its place would make the mouse miss.
 * @param {Page} page
 */
export async function signOut(page) {
  await (await visible(page, ".person-button")).press("Enter");
  await (await visible(page, "#person-menu button[type=submit]")).press("Enter");
  await says(page, "h1", "You are signed out");
}

/**
 * The entry that Enter would open: its key.
 * @param {Page} page
 */
export function active(page) {
  return page.evaluate(() => {
    const id = document.querySelector("#search")?.getAttribute("aria-activedescendant");
    const line = id ? document.getElementById(id) : null;
    return line ? `${line.dataset.server}/${line.dataset.service}/${line.dataset.account}` : "";
  });
}

/**
 * Opens an entry with the keyboard alone. The cursor is in the field already.
 * @param {Page} page
 * @param {string} search
 * @param {string} key the entry, which the arrow keys must reach
 */
export async function openByKeyboard(page, search, key) {
  await until("the cursor in the field", () => page.evaluate(() => document.activeElement?.id === "search"));
  await page.keyboard.type(search);
  for (let presses = 0; (await active(page)) !== key; presses += 1) {
    assert(presses < 10, `${key} is not among what "${search}" finds`);
    await page.keyboard.press("ArrowDown");
  }
  await page.keyboard.press("Enter");
}

/**
 * Waits until an entry is what the console shows, and gives the panel's outermost page.
 * @param {Page} page
 * @param {string} key
 * @param {string} [path] how its address ends, if that is shorter
 */
export async function opened(page, key, path = key) {
  await until(`${key} to be open`, async () => {
    const isHere = new URL(page.url()).pathname === `/s/${path}`;
    const current = await page.evaluate(() => {
      const busy = [...document.querySelectorAll("#opening, #problem, #start")].some((part) => part.checkVisibility());
      return busy ? "" : document.title;
    });
    const [server, , account] = key.split("/");
    return isHere && current.startsWith(`${server} `) && current.includes(` as ${account} `);
  });
  return frameIn(page, PANEL);
}

/**
 * The page that WHM's home frames.
 * @param {Frame} panel
 */
export async function mainOf(panel) {
  await visible(panel, "#whm-home");
  return frameIn(panel, "#frame-main");
}

/**
 * Checks what a framed page thinks it is.
 * @param {Frame} panel the panel's outermost page, of which the address is known
 * @param {Frame} page its "Path rules"
 * @param {{ app: string, theme: string }} expected
 */
export async function expectPathRules(panel, page, { app, theme }) {
  await until("the path rules", () => page.evaluate(() => Boolean(document.getElementById("full-path")?.dataset.value)));
  const found = await page.evaluate(() =>
    Object.fromEntries(["app", "token", "theme", "full-path"].map((id) => [id, document.getElementById(id)?.dataset.value])),
  );
  const url = new URL(panel.url());
  const token = url.pathname.match(/^\/cpsess\d{10}(?=\/)/)?.[0];
  assert(token, `there is a security token in ${url}`);
  const folder = { whostmgr: "", cpanel: `frontend/${theme}/`, webmail: `webmail/${theme}/` }[app];
  const fullPath = `${url.protocol}//${url.hostname}:${url.port || "443"}${token}/${folder}`;
  assert.deepEqual(found, { app, token, theme, "full-path": fullPath });
}
