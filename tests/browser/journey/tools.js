// Tools inside the panels: one that refuses to be framed, and one with a session and cookies of its own.

import assert from "node:assert/strict";

import { opened } from "./console.js";
import { click, frameIn, says, until, visible, visit } from "./journey.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./journey.js").Journey} Journey */

/**
 * Somebody is signed in who may open bob's cPanel and Webmail on web2.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function areUsedInTheirPlace(journey, page) {
  await resistsFrames(journey, page);
  await bringsCookies(journey, page);
}

/**
 * It says in a header, a policy and a script that it is not to be framed, so it gets a tab of its own.
 * @param {Journey} journey
 * @param {Page} page
 */
async function resistsFrames(journey, page) {
  await visit(page, `${journey.told.console}/s/web2/cpaneld/bob`);
  const panel = await opened(page, "web2/cpaneld/bob");
  await visible(panel, "#link-path");
  await go(panel, "/3rdparty/phpMyAdmin/index.php?route=/");
  await says(panel, "h1", "This tool opens in a tab of its own");
  await journey.picture(page, "own-tab");
  await click(panel, "#open-own-tab");
  const tool = await tab(journey, "/3rdparty/phpMyAdmin/");
  await visible(tool, "#databases");
  await until("the tool finds itself unframed", async () => (await framed(tool)) === "false");
  await journey.picture(tool, "own-tab-opened");
  await click(tool, "#link-sql");
  await until("the next page of the tool", async () => /route=\/sql/.test(tool.url()));
  await visible(tool, "#databases");
  await tool.close();
}

/**
 * What its script, which may run later than its tables stand there, found out about its place.
 * @param {Page} tool
 */
function framed(tool) {
  return tool.evaluate(() => document.body.dataset.framed);
}

/**
 * Its own session cookie and the cookie that its script sets both come back, and its check of the Referer holds.
 * @param {Journey} journey
 * @param {Page} page
 */
async function bringsCookies(journey, page) {
  const key = "web2/webmaild/sales@bob.example";
  await visit(page, `${journey.told.console}/s/${key}`);
  const panel = await opened(page, key);
  await visible(panel, "#link-path");
  await go(panel, "/3rdparty/roundcube/?_task=mail&_mbox=INBOX");
  await says(panel, "#roundcube-status", "ok");
  await visible(await frameIn(panel, "#preview"), "body");
  await journey.picture(page, "roundcube");
}

/**
 * Goes to a path below the panel's security token.
 * @param {Frame} panel
 * @param {string} path
 */
async function go(panel, path) {
  const token = new URL(panel.url()).pathname.match(/^\/cpsess\d{10}(?=\/)/)?.[0];
  assert(token, `there is a security token in ${panel.url()}`);
  await panel.evaluate((to) => location.assign(to), token + path).catch(() => null);
}

/**
 * The tab whose address has this in it, once there is one.
 * @param {Journey} journey
 * @param {string} part
 */
export function tab(journey, part) {
  return until(`a tab of ${part}`, async () => (await journey.browser.pages()).find((page) => page.url().includes(part)));
}
