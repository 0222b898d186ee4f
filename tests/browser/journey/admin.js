// Ada, who may open everything: signing in, opening, working in a panel, moving between servers.

import assert from "node:assert/strict";

import { PANEL, active, expectPathRules, mainOf, openByKeyboard, opened, signIn } from "./console.js";
import { click, frameIn, says, until, visible, visit, words } from "./journey.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./journey.js").Journey} Journey */

export const WEB1 = "web1/whostmgrd/root";
export const WEB2 = "web2/whostmgrd/root";

/**
 * Third-party cookies are off in this browser, or the rest would prove little.
 * @param {Journey} journey
 */
export async function thirdPartyCookiesAreBlocked(journey) {
  const page = await journey.tab();
  const { control } = journey.told;
  await visit(page, `http://third.example:${control}/inner`);
  assert.match(await words(page, "#cookies"), /from-script/, "as the first party a site can keep cookies");
  await visit(page, `http://first.example:${control}/outer`);
  const inner = await frameIn(page, "#frame");
  assert.equal(await until("the framed page", async () => (await words(inner, "#cookies")).match(/^\[.*\]$/)?.[0]), "[]");
  await journey.restart({});
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function signsIn(journey, page) {
  await visit(page, journey.told.console);
  await until("the provider to ask", async () => page.url().startsWith(journey.told.issuer));
  await journey.picture(page, "provider");
  await signIn(page, "ada");
  await says(page, "#start-title", "Open a server");
  await journey.picture(page, "console");
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function opensWithTheKeyboard(journey, page) {
  await journey.let(1, "forbid-framing");
  await openByKeyboard(page, "web1 whm", "web1/whostmgrd/resell1");
  await mainOf(await opened(page, "web1/whostmgrd/resell1"));
  await click(page, "#menu-button");
  await openByKeyboard(page, "web1", WEB1);
  const panel = await opened(page, WEB1);
  const main = await mainOf(panel);
  await says(panel, "#signed-in-user", "root");
  await visible(main, "#load[data-state=ok]");
  await says(await frameIn(main, "#frame-inner"), "#inner-text", "The innermost frame is here.");
  await journey.picture(page, "whm");
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function worksInThePanel(journey, page) {
  const panel = await opened(page, WEB1);
  await click(panel, "#link-accounts");
  let main = await mainOf(panel);
  assert.match(await words(main, "#account-table"), /alice/);

  await journey.let(1, "check-referrers");
  await click(panel, "#link-tweak");
  main = await mainOf(panel);
  const contact = await visible(main, "#tweak-contact");
  await contact.click({ count: 3 });
  await page.keyboard.type("ops@example.com");
  await click(main, "#tweak-form button");
  await says(await mainOf(panel), "#saved-contact", "ops@example.com");

  await click(panel, "#link-path");
  main = await mainOf(panel);
  await expectPathRules(panel, main, { app: "whostmgr", theme: "" });
  await journey.picture(page, "path-rules");
}

/**
 * The server forgets its sessions; whoever works in the panel must not notice.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function noticesNoRestart(journey, page) {
  const panel = await opened(page, WEB1);
  await journey.let(1, "expire-sessions");
  await click(panel, "#link-main");
  const main = await mainOf(panel);
  await visible(main, "#load[data-state=ok]");
  assert.match(await journey.behind("audit"), /"panel.renew"/);
}

/**
 * The server forgets the session while a form is open. What it refused is sent again if it was held; what was too
 * much to hold stays on the screen, and the console says that it has to be sent once more.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function losesNoForm(journey, page) {
  const panel = await opened(page, WEB1);
  await click(panel, "#link-tweak");
  await fill(await mainOf(panel), "left@open.example", "100");
  await journey.let(1, "expire-sessions");
  await click(await mainOf(panel), "#tweak-submit");
  await says(await mainOf(panel), "#saved-contact", "left@open.example");

  await click(panel, "#link-tweak");
  await fill(await mainOf(panel), "typed@long.example", "9".repeat(300_000));
  await journey.let(1, "expire-sessions");
  await click(await mainOf(panel), "#tweak-submit");
  assert.match(await words(page, "#notice"), /The server had ended the session\. .* Please repeat your last step\./);
  await journey.picture(page, "please-repeat");
  const main = await mainOf(panel);
  assert.equal(await main.$eval("#tweak-contact", (field) => /** @type {HTMLInputElement} */ (field).value), "typed@long.example");
  await click(page, "#notice-hide");
  await click(main, "#tweak-submit");
  await says(await mainOf(panel), "#saved-contact", "typed@long.example");
}

/**
 * @param {Frame} main
 * @param {string} contact
 * @param {string} limit
 */
export async function fill(main, contact, limit) {
  await visible(main, "#tweak-contact");
  await main.evaluate((values) => {
    for (const [id, value] of Object.entries(values)) /** @type {HTMLInputElement} */ (document.getElementById(id)).value = value;
  }, { "tweak-contact": contact, "tweak-limit": limit });
}

/**
 * @param {Page} page
 */
export async function staysInItsFrame(page) {
  const panel = await opened(page, WEB1);
  const address = page.url();
  for (const frame of [panel, await mainOf(panel)]) {
    assert.equal(await frame.evaluate(() => document.cookie), "", "no cookie is for the panel's scripts");
    const fate = await frame.evaluate(() => {
      try {
        window.top?.location.assign("https://third.example/");
        return "no error";
      } catch (error) {
        return String(error);
      }
    });
    assert.match(fate, /SecurityError|sandbox|not allowed|denied|insecure/i, "the frame may not take the window");
  }
  await click(panel, "#link-accounts");
  await visible(await mainOf(panel), "#account-table");
  assert.equal(page.url(), address);
  await visible(page, PANEL);
  // A link that is meant for the whole window takes the panel's outermost page.
  await click(panel, "#link-links");
  await click(await mainOf(panel), "#link-top");
  await visible(await mainOf(panel), "#whm-main");
  assert.equal(page.url(), address);
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function movesBetweenServers(journey, page) {
  await click(page, "#menu-button");
  await journey.picture(page, "menu");
  await openByKeyboard(page, "web2 root", WEB2);
  await mainOf(await opened(page, WEB2));
  await click(page, "#menu-button");
  await visible(page, "#recent");
  assert.equal(await active(page), WEB1, "the first line is the way back");
  await page.keyboard.press("Enter");
  await mainOf(await opened(page, WEB1));
}

/**
 * @param {Journey} journey
 */
export async function usesAddressesAndHistory(journey) {
  const page = await journey.tab();
  await visit(page, `${journey.told.console}/s/${WEB1}`);
  await mainOf(await opened(page, WEB1));
  await visit(page);
  await mainOf(await opened(page, WEB1));
  await visit(page, journey.told.console);
  await openByKeyboard(page, "web1 root", WEB1);
  await mainOf(await opened(page, WEB1));
  await click(page, "#menu-button");
  await openByKeyboard(page, "web2 root", WEB2);
  await mainOf(await opened(page, WEB2));
  /** @param {number} by */
  const go = (by) => page.evaluate((steps) => history.go(steps), by);
  await go(-1);
  await mainOf(await opened(page, WEB1));
  await go(-1);
  await says(page, "#start-title", "Open a server");
  await go(1);
  await mainOf(await opened(page, WEB1));
  await go(1);
  await mainOf(await opened(page, WEB2));
  await journey.close(page);
}
