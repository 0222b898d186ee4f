// What fails while somebody works in a panel, said in the place where it failed. Started by `tests/browsers.rs`.

import assert from "node:assert/strict";

import { WEB1 } from "./admin.js";
import { PANEL, mainOf, opened, signIn } from "./console.js";
import { Journey, WINDOW, click, frameIn, says, until, visible, visit, words } from "./journey.js";
import { expectLogged } from "./troubles.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */

const WEB3 = "web3/whostmgrd/root";
const ACCOUNTS = "/scripts4/listaccts";
const NARROW = { width: 360, height: 640 };

/**
 * What happens, what ends it, what people read, and what a script gets.
 * @typedef {object} Failure
 * @property {string[]} harm
 * @property {string[]} cure
 * @property {string} title
 * @property {string} code
 * @property {number} status
 */
/** @type {Failure[]} */
const FAILURES = [
  { harm: ["go-down"], cure: ["come-up"], title: "The server cannot be reached", code: "server_unreachable", status: 502 },
  { harm: ["hang-at-accounts"], cure: ["be-well"], title: "The server did not answer", code: "server_timeout", status: 504 },
  { harm: ["change-key"], cure: ["restore-key"], title: "The server's certificate has changed", code: "certificate_pin_mismatch", status: 502 },
  { harm: ["expire-sessions", "revoke-token"], cure: ["restore-token"], title: "The server refused Panelgate's API token", code: "api_token_refused", status: 502 },
];

await new Journey().run(async (journey) => {
  const page = await journey.tab();
  await journey.step("ada opens a server", async () => {
    // Each request on a connection of its own, so that what changes at the server is met at once.
    await journey.let(3, "close-connections");
    await visit(page, `${journey.told.console}/s/${WEB3}`);
    await signIn(page, "ada");
    await mainOf(await opened(page, WEB3));
  });
  const asked = () => [...journey.asked].filter((address) => address.startsWith(journey.told.issuer)).length;
  const before = asked();

  for (const failure of FAILURES) {
    await journey.step(`${failure.code}: said, and mended`, () => isSaidAndMended(journey, page, failure));
  }
  await journey.step("too much at once", () => isCrowded(journey, page));
  await journey.step("an answer breaks off in the middle", () => breaksOff(journey, page));
  await journey.step("what is not permitted", () => isNotPermitted(journey, page));
  await journey.step("nothing of it led to the provider", async () => assert.equal(asked(), before));
  await journey.step("it fits the dark", async () => {
    await journey.restart({ dark: true });
    const dark = await journey.tab();
    await visit(dark, `${journey.told.console}/s/${WEB3}`);
    await signIn(dark, "ada");
    const panel = await opened(dark, WEB3);
    await mainOf(panel);
    await journey.let(3, "go-down");
    const news = await fails(panel, "The server cannot be reached");
    await dark.setViewport(NARROW);
    await fits(news);
    const [text, back] = await news.$eval(".card", (card) => ["color", "backgroundColor"].map((what) =>
      Math.max(...(getComputedStyle(card)[/** @type {"color"} */ (what)].match(/[\d.]+/g) ?? []).slice(0, 3).map(Number))));
    assert(Number(text) > 200 && Number(back) < 60, `text of ${text} on ${back}`);
    await journey.picture(dark, "narrow-and-dark");
    await journey.let(3, "come-up");
  });
});

/**
 * @param {Journey} journey
 * @param {Page} page
 * @param {Failure} failure
 */
async function isSaidAndMended(journey, page, { harm, cure, title, code, status }) {
  const panel = await opened(page, WEB3);
  for (const act of harm) await journey.let(3, act);
  const news = await fails(panel, title);
  await expectLogged(journey, await words(news, ".reference code"));
  assert.equal(await news.evaluate(() => document.body.dataset.code), code);
  assert.deepEqual(await offers(news), ["Try again primary", "Choose another server"]);
  await journey.picture(page, code.replaceAll("_", "-"));
  await page.setViewport(NARROW);
  await fits(news);
  await journey.picture(page, `${code.replaceAll("_", "-")}-narrow`);
  await page.setViewport(WINDOW);

  // The panel's own scripts get the same as data. What failed once only is made to fail once more.
  if (code === "server_timeout") for (const act of harm) await journey.let(3, act);
  const told = await asScript(panel, ACCOUNTS);
  assert.deepEqual({ ...told, reference: "" }, { status, type: "application/json", header: code, code, title, redirected: false, reference: "" });
  await expectLogged(journey, told.reference);

  await click(news, "[data-ask=choose]");
  await visible(page, "#menu[open]");
  await page.keyboard.press("Escape");
  await until("the menu to go", () => page.evaluate(() => document.querySelector("#menu[open]") === null));

  for (const act of cure) await journey.let(3, act);
  await again(panel, news);
}

/**
 * Another try is in the place of what failed: around it everything stays as it is.
 * @param {Frame} panel
 * @param {Frame} news
 */
async function again(panel, news) {
  await panel.evaluate(() => Object.assign(window, { mark: "still here" }));
  // A server that failed is left alone for a moment, and says so as before: people press again.
  await until("the page to come", async () => {
    const main = await mainOf(panel);
    if (await main.$("#account-table")) return true;
    if (await main.$("a.button.primary")) await main.$eval("a.button.primary", (link) => /** @type {HTMLElement} */ (link).click());
    return false;
  });
  assert.equal(await panel.evaluate(() => /** @type {{ mark?: string }} */ (/** @type {unknown} */ (window)).mark), "still here");
  assert.notEqual(news, null);
}

/**
 * Requests that do not end, as many as one person may have; the next one is refused.
 * @param {Journey} journey
 * @param {Page} page
 */
async function isCrowded(journey, page) {
  await journey.let(1, "trickle");
  const other = await journey.tab();
  await visit(other, `${journey.told.console}/s/${WEB1}`);
  const busy = await opened(other, WEB1);
  await mainOf(busy);
  await busy.evaluate(() => {
    const token = location.pathname.match(/^\/cpsess\d{10}/)?.[0];
    // What the page itself still loads may hold a place for a moment: then it is tried again.
    /** @param {number} n @returns {Promise<void>} */
    const begin = (n) =>
      fetch(`${token}/trickles?${n}`).then(
        ({ status }) => void (status === 503 && setTimeout(begin, 50, n)),
        () => undefined,
      );
    for (let n = 0; n < 10; n += 1) void begin(n);
  });
  await until("ten under way", async () => {
    const seen = /** @type {{ target: string }[]} */ (JSON.parse(await journey.behind("seen/1")));
    return seen.filter(({ target }) => target.includes("/trickles")).length >= 10;
  });
  await page.bringToFront();
  const panel = await opened(page, WEB3);
  const told = await asScript(panel, ACCOUNTS);
  assert.deepEqual([told.status, told.code, told.title], [503, "server_crowded", "Too much at once"]);
  const news = await fails(panel, "Too much at once");
  await expectLogged(journey, await words(news, ".reference code"));
  await journey.picture(page, "crowded");
  await journey.close(other);
  await journey.let(1, "be-well");
  await again(panel, news);
}

/**
 * Half of a page has come; what is missing is said around it.
 * @param {Journey} journey
 * @param {Page} page
 */
async function breaksOff(journey, page) {
  const panel = await opened(page, WEB3);
  await journey.let(3, "break-off-at-accounts");
  await click(panel, "#link-accounts");
  const notice = await words(page, "#notice");
  assert.match(notice, /The server broke off\. .* may be incomplete/);
  const reference = notice.match(/\(([0-9A-Z-]{8,})\)/)?.[1] ?? "";
  await expectLogged(journey, reference);
  await journey.picture(page, "broke-off");
  await click(page, "#notice-hide");
  await visit(page, `${journey.told.console}/s/${WEB3}`);
  await mainOf(await opened(page, WEB3));
}

/**
 * A way that this person may not go; another server is likelier to help than another try.
 * @param {Journey} journey
 * @param {Page} page
 */
async function isNotPermitted(journey, page) {
  await visit(page, `${journey.told.console}/s/web1/whostmgrd/resell1`);
  const panel = await opened(page, "web1/whostmgrd/resell1");
  await click(panel, "#link-accounts");
  await click(await mainOf(panel), "#link-cpanel-dave");
  const news = await until("the refusal", async () => {
    const refusal = await frameIn(page, PANEL);
    return (await refusal.$eval("h1", (title) => title.textContent)) === "Not permitted" && refusal;
  });
  assert.deepEqual(await offers(news), ["Choose another server primary", "Try again"]);
  const reference = await words(news, ".reference code");
  assert.match(await journey.behind("audit"), new RegExp(reference));
  await journey.picture(page, "not-permitted-in-frame");
  await click(news, "[data-ask=choose]");
  await visible(page, "#menu[open]");
  await page.keyboard.press("Escape");
}

/**
 * Goes to a page that fails, and gives what is said in its place.
 * @param {Frame} panel
 * @param {string} title
 */
async function fails(panel, title) {
  await click(panel, "#link-accounts");
  await until(`"${title}"`, async () => (await (await mainOf(panel)).$eval("h1", (found) => found.textContent)) === title);
  const news = await mainOf(panel);
  await says(news, "h1", title);
  return news;
}

/** @param {Frame} news */
function offers(news) {
  return news.$$eval(".actions .button", (all) => all.map((one) => `${one.textContent}${one.classList.contains("primary") ? " primary" : ""}`));
}

/**
 * Nothing is cut off, and everything can be pressed.
 * @param {Frame} news
 */
async function fits(news) {
  const { wide, room, low } = await news.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
    low: [...document.querySelectorAll(".button")].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth).length,
  }));
  assert(wide <= room && low === 0, `${wide} pixels in a place of ${room}`);
}

/**
 * What a script of the panel gets.
 * @param {Frame} panel
 * @param {string} path
 */
function asScript(panel, path) {
  return panel.evaluate(async (below) => {
    const token = location.pathname.match(/^\/cpsess\d{10}/)?.[0];
    const answer = await fetch(`${token}${below}`);
    const { problem } = /** @type {{ problem: Record<string, string> }} */ (await answer.json());
    return {
      status: answer.status, type: answer.headers.get("content-type"), header: answer.headers.get("panelgate-problem"),
      code: problem.code, title: problem.title, redirected: answer.redirected, reference: problem.reference ?? "",
    };
  }, path);
}
