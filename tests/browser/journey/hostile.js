// A compromised server's script in the panel's frame, against everything else in the browser.

import assert from "node:assert/strict";

import { PANEL, mainOf, opened, signIn } from "./console.js";
import { Journey, click, frameIn, until, visible, visit } from "./journey.js";
import { WEB1, WEB2 } from "./admin.js";

/** @typedef {import("puppeteer-core").Frame} Frame */

/** What may come of an attempt. Nothing else may. */
const REFUSED = /^(TypeError|NetworkError|AbortError)$/;
const CLOSED = /^(closed|SecurityError|nothing)$/;
const BARRED = /^(SecurityError|NotAllowedError|TypeError)$/;
/** @type {Record<string, RegExp>} */
const EXPECTED = {
  "fetch another server": REFUSED,
  "fetch another server without looking": /^opaque$|^TypeError$/,
  "post to another server without looking": /^opaque$|^TypeError$/,
  "beacon to another server": /^undefined$/,
  "script of another server": /^error$/,
  "picture of another server": /^error$/,
  "style of another server": /^error$/,
  // What it may load is our refusal.
  "object of another server": /^(loaded|error|nothing)$/,
  "event source of another server": /^error$/,
  "terminal of another server": /^refused$/,
  "frame another server": CLOSED,
  "frame another server through its entrance": CLOSED,
  "frame a third server's entrance": CLOSED,
  "frame a third server's entrance with a made-up ticket": CLOSED,
  "form into a frame, to another server": CLOSED,
  "fetch the console": REFUSED,
  "fetch the session": REFUSED,
  "open a panel": /^opaque$|^TypeError$/,
  "frame the console": CLOSED,
  "hand-off with its own challenge": CLOSED,
  "hand-off with a made-up ticket": CLOSED,
  "sign the person out": CLOSED,
  "socket to the console": /^refused$/,
  "read the top window": /^SecurityError$/,
  "read the top window's address": /^SecurityError$/,
  "read the console's storage": /^SecurityError$/,
  "share a domain": /^SecurityError$/,
  "take the top window": /^SecurityError$/,
  "take the top window with a link": /^undefined$/,
  "take the top window with a form": /^undefined$/,
  "close the top window": /^(undefined|SecurityError)$/,
  "message the console": /^undefined$/,
  "our cookies": /^$/,
  "set our cookies": /^none was taken$/,
  "storage in the console's name": /^undefined$/,
  "stay as a service worker": /^(SecurityError|TypeError)$/,
  "ask for a passkey of the whole site": BARRED,
  "make a passkey for the whole site": BARRED,
  "read the clipboard": BARRED,
  camera: /^(NotAllowedError|NotFoundError|TypeError)$/,
  place: /^denied$/,
  notifications: /^(denied|default)$/,
  "open another server in a window": /^(no handle|SecurityError)$/,
};

await new Journey().run(async (journey) => {
  const page = await journey.tab();
  const { console: home } = journey.told;
  /** @type {Frame} */
  let panel;
  let other = new URL(home);
  let token = "";
  await journey.step("ada has two servers open", async () => {
    const second = await journey.tab();
    await visit(second, `${home}/s/${WEB2}`);
    await signIn(second, "ada");
    const panel2 = await opened(second, WEB2);
    await visible(await mainOf(panel2), "#load[data-state=ok]");
    other = new URL(panel2.url());
    token = other.pathname.match(/^\/cpsess\d{10}/)?.[0] ?? "";
    await page.bringToFront();
    await visit(page, `${home}/s/${WEB1}`);
    panel = await opened(page, WEB1);
    await mainOf(panel);
  });
  const sessions = await journey.behind("sessions/2");
  await page.evaluate(() => {
    const heard = /** @type {string[]} */ ([]);
    Object.assign(window, { heard });
    // A console that shows itself in another window says so to its like: that is ours.
    new BroadcastChannel("panelgate").onmessage = ({ data }) => data === "signed-in" || heard.push(data);
    Object.assign(window, { mark: "still here" });
  });

  await journey.step("one turns hostile", async () => {
    await journey.let(1, "turn-hostile");
    const own = new URL(panel.url()).pathname.match(/^\/cpsess\d{10}/)?.[0];
    const query = new URLSearchParams({ home, other: other.origin, third: other.origin.replace("web2", "web3"), token });
    await panel.evaluate((to) => location.assign(to), `${own}/evil/attack.html?${query}`).catch(() => null);
    panel = await frameIn(page, PANEL);
    await until("the attacks by itself", async () => (await resultsOf(panel)).done);
    await click(panel, "#press");
    await until("the attacks when pressed", async () => (await resultsOf(panel)).pressed);
  });

  await journey.step("it asks for what only people may ask for", async () => {
    await panel.evaluate(() => /** @type {{ nag: () => void }} */ (/** @type {unknown} */ (window)).nag());
    // To look into a page counts as a press in Chromium's driver, so the page says itself when it is done.
    await until("the messages", async () => journey.said.some((line) => line.includes("nagged")));
  });

  await journey.step("nothing came of it", async () => {
    const results = await resultsOf(panel);
    const rows = Object.entries(EXPECTED).map(([attack, expected]) => {
      const result = results[attack] ?? "never tried";
      return { line: `${expected.test(result) ? "  " : "!!"} ${attack}: ${result}`, fine: expected.test(result) };
    });
    console.log(rows.map(({ line }) => line).join("\n"));
    assert(rows.every(({ fine }) => fine), "the lines with !! got through");
    /** @type {{ target: string }[]} */
    const requests = JSON.parse(await journey.behind("seen/2"));
    assert.deepEqual(requests.filter(({ target }) => target.includes("attacked")), [], "the other server saw nothing of it");
    // A window for the address of a panel shows the console, which opens the panel for the person to see, as any
    // link to it does. Nothing else has opened one.
    assert(Number(await journey.behind("sessions/2")) <= Number(sessions) + 1, "and no session more than a link gives");
    assert.equal(JSON.parse(await journey.behind("seen/3")).length, 0, "nor did a third one");
    // No frame of it shows another panel, whoever's address it has.
    for (const frame of page.frames().filter((frame) => within(frame, panel))) {
      const shown = await frame.evaluate(() => document.querySelector("#whm-home, #start-title, #account-table") !== null).catch(() => false);
      assert.equal(shown, false, `${frame.url()} is shown inside the hostile page`);
    }
    assert.deepEqual(await page.evaluate(() => {
      const { mark, heard } = /** @type {{ mark?: string, heard?: string[] }} */ (/** @type {unknown} */ (window));
      return { mark, heard, menu: document.querySelector("dialog[open]") !== null, recent: localStorage.getItem("panelgate.recent")?.includes("evil") };
    }), { mark: "still here", heard: [], menu: false, recent: false }, "the console is as it was");
    assert.equal(await sessionOf(page), 204, "ada is signed in");
    assert.equal(await panel.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0);
  });

  await journey.step("the way back leads nowhere else", async () => {
    await panel.evaluate(() => /** @type {{ goBack: () => void }} */ (/** @type {unknown} */ (window)).goBack()).catch(() => null);
    assert.equal(new URL(page.url()).origin, new URL(home).origin);
    assert.equal(await sessionOf(page), 204);
  });

  await journey.step("a full cookie jar costs a sign-in at most", async () => {
    await visit(page, `${home}/s/${WEB1}`);
    panel = await opened(page, WEB1);
    // Before that it is the page on the way there, whose address has no security token.
    await mainOf(panel);
    const own = new URL(panel.url()).pathname.match(/^\/cpsess\d{10}/)?.[0];
    const attack = `${own}/evil/attack.html?${new URLSearchParams({ home, other: other.origin, token })}`;
    // The page may be gone before it can answer, and so may the one that is asked whether it is there yet.
    await panel.evaluate((to) => location.assign(to), attack).catch(() => null);
    panel = await until("the page", async () => {
      const shown = await frameIn(page, PANEL);
      return (await shown.evaluate(() => "overflow" in window)) && shown;
    });
    await panel.evaluate(() => /** @type {{ overflow: () => void }} */ (/** @type {unknown} */ (window)).overflow());
    const status = await sessionOf(page);
    console.log(`   400 cookies for the whole domain: the console answers ${status}`);
    assert([204, 401].includes(status), `it answers ${status}`);
  });
  // The browser has said a lot about what it refused.
  journey.complaints.length = 0;
});

/**
 * @param {Frame} panel
 * @returns {Promise<Record<string, string>>}
 */
function resultsOf(panel) {
  return panel.evaluate(() => /** @type {{ results?: Record<string, string> }} */ (/** @type {unknown} */ (window)).results ?? {});
}

/** @param {import("puppeteer-core").Page} page */
function sessionOf(page) {
  return page.evaluate(async () => (await fetch("/api/session")).status);
}

/**
 * @param {Frame} frame
 * @param {Frame} outer
 */
function within(frame, outer) {
  for (let parent = frame.parentFrame(); parent; parent = parent.parentFrame()) if (parent === outer) return true;
  return false;
}
