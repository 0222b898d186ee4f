// From one panel to another: the list of accounts, a customer's cPanel, their Webmail, and out to the world.

import assert from "node:assert/strict";

import { WEB1 } from "./admin.js";
import { PANEL, mainOf, opened } from "./console.js";
import { click, frameIn, says, until, visible, visit, words } from "./journey.js";
import { tab } from "./tools.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./journey.js").Journey} Journey */

const BOB = "web1/cpaneld/bob";
const SALES = "web1/webmaild/sales@bob.example";

/**
 * The list of accounts in WHM.
 * @param {Journey} journey
 * @param {Page} page
 */
async function accounts(journey, page, key = WEB1) {
  await visit(page, `${journey.told.console}/s/${key}`);
  const panel = await opened(page, key);
  await click(panel, "#link-accounts");
  const main = await mainOf(panel);
  await visible(main, "#account-table");
  return main;
}

/**
 * Ada goes on from WHM to a customer, and from there to their mail; the bar says where she is.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function leadToCustomers(journey, page) {
  const list = await accounts(journey, page);
  await click(list, "#link-cpanel-bob");
  const cpanel = await opened(page, BOB);
  await says(cpanel, "#signed-in-user", "bob");
  await says(page, "#current [data-part=account]", "bob");
  await journey.picture(page, "customer");
  await click(cpanel, "#link-webmail-0");
  const webmail = await opened(page, SALES);
  await says(webmail, "#signed-in-user", "sales@bob.example");
  await journey.picture(page, "customers-mail");
  await page.evaluate(() => history.back());
  await visible(await opened(page, BOB), "#cpanel-home");

  // By a form.
  const again = await accounts(journey, page);
  await (await visible(again, "#xfercpanel-user")).type("carol");
  await click(again, "#xfercpanel-submit");
  await says(await opened(page, "web1/cpaneld/carol"), "#signed-in-user", "carol");

  // In a new tab, if the page asks for one.
  const third = await accounts(journey, page);
  await third.evaluate(() => {
    const link = /** @type {HTMLAnchorElement} */ (document.getElementById("link-cpanel-bob"));
    delete link.dataset.panelgateTarget;
    link.target = "_blank";
  });
  await click(third, "#link-cpanel-bob");
  const other = await tab(journey, "/frontend/jupiter/index.html");
  await says(other, "#signed-in-user", "bob");
  await other.close();
  await page.bringToFront();
  const hops = (await journey.behind("audit")).match(/"kind":"panel.hop","outcome":"succeeded"/g) ?? [];
  assert(hops.length >= 4, `${hops.length} hops are on record`);
}

/**
 * As another account in WHM she may not go on to its customers, and is told so in the panel's place.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function areRefused(journey, page) {
  const list = await accounts(journey, page, "web1/whostmgrd/resell1");
  await click(list, "#link-cpanel-dave");
  // The frame is another one for some drivers once its page is.
  await until("the refusal", async () => {
    const refusal = await frameIn(page, PANEL);
    return (await refusal.$eval("h1", (title) => title.textContent)) === "Not permitted";
  });
  await journey.picture(page, "hop-refused");
}

/**
 * Links with the server's own name and ports, those that scripts build, and those that lead out.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function leadWhereTheyShould(journey, page) {
  await visit(page, `${journey.told.console}/s/${WEB1}`);
  for (const id of ["absolute", "protocol-relative"]) {
    const panel = await opened(page, WEB1);
    await click(panel, "#link-links");
    const main = await mainOf(panel);
    await click(main, `#link-${id}`);
    await until(`the page of link-${id}`, async () => (await mainOf(panel)).url().endsWith(`from=${id}`));
  }
  // To a foreign site, within the frame: said before anybody goes there.
  const main = await mainOf(await opened(page, WEB1));
  await visible(main, "body");
  await main.evaluate(() => {
    const link = document.createElement("a");
    link.id = "foreign";
    link.href = "https://docs.example.net/a?b=c";
    link.textContent = "out";
    document.body.prepend(link);
  });
  await click(main, "#foreign");
  const out = await mainOf(await opened(page, WEB1));
  await says(out, "h1", "This link leaves Panelgate");
  await says(out, ".host", "docs.example.net");
  assert.equal(await words(out, ".address"), "https://docs.example.net/a?b=c");
  await journey.picture(page, "leaving");
  // A script that goes there by itself is caught where the browser tells of it.
  const panel = await opened(page, WEB1);
  await click(panel, "#link-links");
  await until("the links", async () => (await mainOf(panel)).evaluate(() => document.querySelector("#link-js-built") !== null));
  const links = await mainOf(panel);
  if (await links.evaluate(() => "navigation" in window)) {
    await links.evaluate(() => void setTimeout(() => location.assign("https://docs.example.net/script"))).catch(() => null);
    await until("the way out", async () => (await words(await mainOf(panel), ".host")) === "docs.example.net");
    await click(panel, "#link-links");
    await until("the links again", async () => (await mainOf(panel)).evaluate(() => document.querySelector("#link-js-built") !== null));
  }
  // A port that a script puts behind the name in its address: cPanel, as the account that a rule gives.
  await click(await mainOf(panel), "#link-js-built");
  await says(await opened(page, "web1/cpaneld/alice"), "#signed-in-user", "alice");
}
