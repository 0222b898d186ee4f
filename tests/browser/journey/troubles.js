// Everything that can be in the way of opening a panel: said in words, with a reference, and over once it is mended.

import assert from "node:assert/strict";

import { PANEL, mainOf, opened, signInBeside, signOut } from "./console.js";
import { WEB1 } from "./admin.js";
import { click, frameIn, says, until, visible, visit, words } from "./journey.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./journey.js").Journey} Journey */

const WEB3 = "web3/whostmgrd/root";

/** What happens, what ends it, and what people read. */
const MENDABLE = [
  ["revoke-token", "restore-token", "The server refused Panelgate's API token", "api_token_refused"],
  ["change-key", "restore-key", "The server's certificate has changed", "certificate_pin_mismatch"],
  ["go-down", "come-up", "The server cannot be reached", "server_unreachable"],
  ["be-silent", "be-well", "The server did not answer", "server_timeout"],
];

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function eachIsSaidAndMended(journey, page) {
  await journey.let(3, "close-connections");
  for (const [harm, cure, title, code] of /** @type {[string, string, string, string][]} */ (MENDABLE)) {
    await journey.let(3, harm);
    await visit(page, `${journey.told.console}/s/${WEB3}`);
    await expectProblem(journey, page, title, code);
    await journey.picture(page, code.replaceAll("_", "-"));
    await journey.let(3, cure);
    await click(page, "#retry");
    await mainOf(await opened(page, WEB3));
    await leave(page);
  }
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function whatIsNotPermittedIsSaid(journey, page) {
  await visit(page, `${journey.told.console}/s/web2/cpaneld/bob`);
  await expectProblem(journey, page, "Not permitted", "account_not_in_rule");
  await says(page, "#problem-what", "You have access to this service, but not as this account.");
  const offers = await page.$$eval("#problem button", (buttons) => buttons.map((button) => `${button.textContent} ${button.className}`));
  assert.deepEqual(offers, ["Choose another server button primary", "Try again button"], "another try helps least");
  assert.match(await journey.behind("audit"), new RegExp(`${await words(page, "#problem-reference")}.*"account_not_in_rule"`));
  await journey.picture(page, "not-permitted");
  await visit(page, `${journey.told.console}/s/web3/whostmgrd/ghost`);
  await expectProblem(journey, page, "The account does not exist on the server", "account_missing");
  await journey.picture(page, "account-missing");
}

/**
 * A server that goes away while somebody works: the news comes in the place of the page, at any depth.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function aServerGoesAwayMeanwhile(journey, page) {
  await visit(page, `${journey.told.console}/s/${WEB3}`);
  const panel = await opened(page, WEB3);
  await mainOf(panel);
  await journey.let(3, "go-down");
  await click(panel, "#link-accounts");
  const news = await mainOf(panel);
  await says(news, "h1", "The server cannot be reached");
  await expectLogged(journey, await words(news, ".reference code"));
  await journey.picture(page, "down-inside");
  await journey.let(3, "come-up");
  // In its place, and nothing around it: a server that failed is left alone for a moment.
  await until("the page again", async () => {
    const main = await mainOf(panel);
    if (await main.$("#account-table")) return true;
    await main.$eval("a.button.primary", (link) => /** @type {HTMLElement} */ (link).click());
    return false;
  });
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function theSessionEndsElsewhere(journey, page) {
  await visit(page, `${journey.told.console}/s/${WEB1}`);
  const panel = await opened(page, WEB1);
  await mainOf(panel);
  const other = await journey.tab();
  await visit(other, journey.told.console);
  await signOut(other);
  await journey.close(other);
  await page.bringToFront();
  await panel.evaluate(() => document.getElementById("link-accounts")?.click());
  await visible(page, "#ended[open]");
  await says(page, "#ended-title", "Your session ended");
  await journey.picture(page, "session-ended");
  // The panel's page has given way to one of ours, so it is opened anew.
  await signInBeside(journey, page);
  await mainOf(await opened(page, WEB1));
}

/**
 * Signs out of the panel only. The link is meant for the whole window, and leads back to the list of servers.
 * @param {Page} page
 */
async function leave(page) {
  const panel = await frameIn(page, PANEL);
  await click(panel, "#link-logout");
  await says(page, "#start-title", "Open a server");
  await until("the panel to go", async () => (await page.$(PANEL)) === null);
  assert.equal(new URL(page.url()).pathname, "/");
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function leavesAPanelAndComesBack(journey, page) {
  await leave(page);
  await journey.picture(page, "left");
  assert.match(await journey.behind("audit"), /"panel.leave"/);
  await page.evaluate(() => history.back());
  await mainOf(await opened(page, WEB1));
}

/**
 * @param {Journey} journey
 * @param {Page} page
 * @param {string} title
 * @param {string} code
 */
async function expectProblem(journey, page, title, code) {
  await visible(page, "#problem");
  await says(page, "#problem-title", title);
  assert.equal(await page.$eval("#problem", (problem) => problem.getAttribute("data-code")), code);
  await words(page, "#problem-what");
  await words(page, "#problem-todo");
  await expectLogged(journey, await words(page, "#problem-reference"));
}

/**
 * @param {Journey} journey
 * @param {string} reference
 */
export async function expectLogged(journey, reference) {
  assert.match(reference, /^[0-9a-z-]{8,}$/i);
  await until(`${reference} in the log`, async () => (await journey.behind("log")).includes(reference));
}
