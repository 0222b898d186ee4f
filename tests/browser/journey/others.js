// Sam, who may open three things; Nia, who may open nothing; and what is left when they have gone.

import assert from "node:assert/strict";

import { active, expectPathRules, mainOf, opened, signIn, signOut } from "./console.js";
import { click, says, until, visible, visit, words } from "./journey.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("./journey.js").Journey} Journey */

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function niaSeesWhy(journey, page) {
  await visit(page, journey.told.console);
  await signIn(page, "nia");
  await says(page, "h1", "Nothing is open to you yet");
  await says(page, ".groups", "staff marketing");
  const reference = await words(page, ".reference code");
  await until("the reference in the log", async () => (await journey.behind("log")).includes(reference));
  await journey.picture(page, "nothing-open");
  await signOut(page);
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function samSeesOnlyHisOwn(journey, page) {
  await visit(page, journey.told.console);
  await signIn(page, "sam");
  await visible(page, "#search");
  const keys = await page.$$eval("#entries .server [role=option]", (lines) =>
    lines.map((line) => ["server", "service", "account"].map((part) => line.getAttribute(`data-${part}`)).join("/")),
  );
  assert.deepEqual(keys.sort(), ["web1/whostmgrd/support", "web2/cpaneld/bob", "web2/webmaild/sales@bob.example"]);
  await journey.picture(page, "support");

  await visit(page, `${journey.told.console}/s/web1/whostmgrd`);
  const whm = await opened(page, "web1/whostmgrd/support", "web1/whostmgrd");
  await says(whm, "#signed-in-user", "support");
  await click(whm, "#link-path");
  await expectPathRules(whm, await mainOf(whm), { app: "whostmgr", theme: "" });

  for (const [key, app] of [["web2/cpaneld/bob", "cpanel"], ["web2/webmaild/sales@bob.example", "webmail"]]) {
    assert(key && app);
    await visit(page, `${journey.told.console}/s/${key}`);
    const panel = await opened(page, key);
    await visible(panel, "#link-path");
    await journey.picture(page, app);
    await click(panel, "#link-path");
    await expectPathRules(panel, panel, { app, theme: "jupiter" });
  }
}

/**
 * The forms of the page are the browser's own, with what it says about where they come from.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function adaEndsEverythingByHand(journey, page) {
  await visit(page, `${journey.told.console}/sessions`);
  await signIn(page, "ada");
  await says(page, "h1", "Sessions");
  await journey.picture(page, "sessions");
  await click(page, 'a[href="/sessions/end?everything=yes"]');
  await says(page, "h1", "End every session?");
  await journey.picture(page, "sessions-end");
  await click(page, "button.danger");
  await says(page, "h1", "You are signed out");
  assert.match(await journey.behind("audit"), /"kind":"session.ended".*"by":"sub-of-ada at /);
  // The provider knows her still.
  await visit(page, journey.told.console);
  await visible(page, "#search");
  await signOut(page);
}

/**
 * A server that is opened to Sam while he works is in his list by itself, and what he is in the middle of stays.
 * @param {Journey} journey
 * @param {Page} page
 */
export async function samGainsAServer(journey, page) {
  const isListed = () => page.evaluate(() => document.querySelector("#entries [data-server=web3]") !== null);
  await visit(page, `${journey.told.console}/s/web1/whostmgrd`);
  const whm = await opened(page, "web1/whostmgrd/support", "web1/whostmgrd");
  await mainOf(whm);
  await whm.evaluate(() => { document.body.dataset.kept = "yes"; });
  assert.equal(await isListed(), false);
  await journey.let(3, "open-to-support");
  await until("web3 in the list", isListed);
  assert.equal(await whm.evaluate(() => document.body.dataset.kept), "yes", "the panel stays as it is");
  await click(page, "#menu-button");
  await visible(page, "#entries [data-server=web3]");
  assert.equal(await page.$eval("#summary", (summary) => summary.textContent), "3 servers open to you, in 4 ways");
  await page.keyboard.type("web3");
  await until("web3 to be found", async () => (await active(page)) === "web3/whostmgrd/root");
  await page.keyboard.press("Enter");
  await mainOf(await opened(page, "web3/whostmgrd/root"));
  await journey.let(3, "close-to-support");
  await until("web3 gone from the list", async () => !(await isListed()));
}

/**
 * @param {Journey} journey
 * @param {Page} page
 */
export async function nothingPrivateIsLeft(journey, page) {
  await visit(page, journey.told.console);
  await visible(page, "#search");
  await signOut(page);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [], "whoever comes next learns nothing");
  await journey.picture(page, "signed-out");
  await page.evaluate(() => history.back());
  await until("the way to sign in", async () => page.url().startsWith(journey.told.issuer) && (await page.$("input[name=login]")));
  assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /web[123]|Sam/);
}

/**
 * What the browser holds and asked for, over the whole journey.
 * @param {Journey} journey
 */
export async function cookiesAreOnlyOurs(journey) {
  const ours = /^__Host-panelgate-(session|login|(whm|cpanel|webmail)(-verifier)?)$/;
  const seen = new Set();
  for (const cookie of await journey.browser.cookies()) {
    if (cookie.domain === new URL(journey.told.issuer).hostname) continue;
    assert.match(cookie.name, ours, `${cookie.name} of ${cookie.domain}`);
    const { httpOnly, secure, path, domain, sameSite } = cookie;
    const strict = /whm|cpanel|webmail/.test(cookie.name);
    assert.deepEqual({ httpOnly, secure, path, sameSite }, { httpOnly: true, secure: true, path: "/", sameSite: strict ? "Strict" : "Lax" });
    assert(!domain.startsWith("."), `${cookie.name} is for ${domain} alone`);
    assert(strict === (domain !== new URL(journey.told.console).hostname), `${cookie.name} is on ${domain}`);
    seen.add(cookie.name);
  }
  for (const server of [1, 2]) {
    /** @type {{ headers: [string, string][] }[]} */
    const requests = JSON.parse(await journey.behind(`seen/${server}`));
    const cookies = requests.flatMap(({ headers }) => headers.filter(([name]) => /^cookie$/i.test(name)).map(([, value]) => value));
    assert(cookies.length > 0 && cookies.every((line) => line.includes("session=") && !line.includes("panelgate")), cookies.join("\n"));
  }
  assert(seen.has("__Host-panelgate-session") && seen.has("__Host-panelgate-whm"), [...seen].join(", "));
}

/**
 * Nothing but the gateway and the provider was asked for anything, and no secret came to the browser.
 * @param {Journey} journey
 */
export async function nobodyElseWasAsked(journey) {
  const { console: home, issuer, control } = journey.told;
  const site = new URL(home).hostname;
  const others = [...journey.asked].map((address) => new URL(address)).filter((url) => {
    const isOurs = url.protocol === "https:" && (url.hostname === site || url.hostname.endsWith(`.${site}`));
    return !isOurs && url.origin !== issuer && url.port !== String(control) && !/^(about|data|blob):$/.test(url.protocol);
  });
  assert.deepEqual(others.map(String), []);
  const everything = [...journey.asked, ...journey.said].join("\n");
  for (const secret of journey.told.secrets) assert(!everything.includes(secret), "a secret came to the browser");
}
