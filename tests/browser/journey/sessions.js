// Sessions that end, or are not enough any more, while people have something open. Started by `tests/browsers.rs`.

import assert from "node:assert/strict";

import { fill } from "./admin.js";
import { PANEL, mainOf, opened, signIn, signInBeside } from "./console.js";
import { Journey, click, frameIn, says, until, visible, visit, words } from "./journey.js";

/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("puppeteer-core").Page} Page */

const ROOT = "web1/whostmgrd/root";

/** What is open in the tabs of a long day. */
const TWENTY = Array.from({ length: 20 }, (_, number) => {
  const [service, account] = [["whostmgrd", "root"], ["whostmgrd", "resell1"], ["cpaneld", "alice"]][number % 3] ?? [];
  return `web${(number % 2) + 1}/${service}/${account}`;
});

await new Journey().run(async (journey) => {
  const { console: origin, issuer } = journey.told;
  const page = await journey.tab();

  /** Goes to the form of a panel, and types into it. @param {string} contact */
  const typed = async (contact) => {
    await visit(page, `${origin}/s/${ROOT}`);
    const panel = await opened(page, ROOT);
    await click(panel, "#link-tweak");
    await fill(await mainOf(panel), contact, "100");
    return panel;
  };
  /** @param {Frame} panel @param {string} contact */
  const stillThere = async (panel, contact) => {
    const main = await mainOf(panel);
    assert.equal(await main.$eval("#tweak-contact", (field) => /** @type {HTMLInputElement} */ (field).value), contact);
    return main;
  };
  const asked = async () => Number(await journey.behind("asked"));
  /** Changes what is demanded of a sign-in as root, and waits until it is in force. @param {string} act */
  const demand = async (act) => {
    const before = (await journey.behind("audit")).split('"config.reload"').length;
    await journey.let(0, act);
    await until("the directory to be read", async () => (await journey.behind("audit")).split('"config.reload"').length > before);
  };

  await journey.step("ada signs in", async () => {
    await visit(page, `${origin}/s/${ROOT}`);
    await signIn(page, "ada");
    await mainOf(await opened(page, ROOT));
  });

  await journey.step("a form that is not strong enough to be sent stays, and is sent after signing in again", async () => {
    const panel = await typed("strong@form.example");
    await demand("demand-strong");
    await click(await mainOf(panel), "#tweak-submit");
    await says(page, "#ended-title", "This server asks for a fresh sign-in");
    await stillThere(panel, "strong@form.example");
    await journey.picture(page, "step-up");
    await signInBeside(journey, page);
    await click(await stillThere(panel, "strong@form.example"), "#tweak-submit");
    await says(await mainOf(panel), "#saved-contact", "strong@form.example");
  });

  await journey.step("a panel that asks for more is opened after signing in again", async () => {
    // Anew, and so without the strength of before.
    await journey.let(0, "log-out");
    await journey.let(0, "forget-browsers");
    await demand("demand-nothing");
    await visit(page, origin);
    await signIn(page, "ada");
    await says(page, "#start-title", "Open a server");
    await demand("demand-strong");
    const before = await asked();
    await visit(page, `${origin}/s/${ROOT}`);
    await says(page, "#problem-title", "This server asks for a fresh sign-in");
    await says(page, "#retry", "Sign in again");
    await journey.picture(page, "step-up-at-the-door");
    await click(page, "#retry");
    await signIn(page, "ada");
    await mainOf(await opened(page, ROOT));
    assert.equal((await asked()) - before, 1);
    await demand("demand-nothing");
  });

  await journey.step("the session ends over a half-filled form, which is saved in the next one", async () => {
    const panel = await typed("half@filled.example");
    await journey.let(0, "log-out");
    await journey.let(0, "forget-browsers");
    // It is said without anybody touching the page.
    await says(page, "#ended-title", "Your session ended");
    assert.match(await words(page, "#ended-text"), /the page behind stays as it is/);
    await stillThere(panel, "half@filled.example");
    await journey.picture(page, "ended-over-a-form");
    const address = panel.url();
    await signInBeside(journey, page);
    assert.equal((await frameIn(page, PANEL)).url(), address);
    const main = await stillThere(panel, "half@filled.example");
    // The new entry comes a moment after the dialog goes.
    await until("the way in", async () => (await page.$$("#frame-slot iframe")).length === 1);
    await click(main, "#tweak-submit");
    await says(await mainOf(panel), "#saved-contact", "half@filled.example");
  });

  await journey.step("signing out at the provider cuts an open terminal", async () => {
    await visit(page, `${origin}/s/${ROOT}`);
    const panel = await opened(page, ROOT);
    await click(panel, "#link-terminal");
    const main = await mainOf(panel);
    await visible(main, "#terminal[data-state=open]");
    await (await visible(main, "#terminal-input")).type("hello");
    await main.evaluate(() => /** @type {HTMLFormElement} */ (document.getElementById("terminal-form")).requestSubmit());
    await until("its echo", async () => (await words(main, "#terminal")).includes("hello"));
    await journey.let(0, "log-out");
    await journey.let(0, "forget-browsers");
    await visible(main, "#terminal[data-state=closed]");
    await says(page, "#ended-title", "Your session ended");
    assert.match(await journey.behind("audit"), /"session.ended"[^\n]*"backchannel_logout"/);
    await signInBeside(journey, page);
  });

  await journey.step("somebody else signs in in another tab", async () => {
    const other = await journey.tab();
    await journey.let(0, "forget-browsers");
    await visit(other, `${origin}/sign-in`);
    await signIn(other, "sam");
    await says(other, "#start-title", "Open a server");
    await says(page, "#ended-title", "Somebody else is signed in now");
    await journey.picture(page, "somebody-else");
    await journey.let(0, "forget-browsers");
    await visit(other, `${origin}/sign-in`);
    await signIn(other, "ada");
    await until("the page to be hers again", () => page.evaluate(() => !document.querySelector("dialog[open]")));
    await journey.close(other);
  });

  await journey.step("twenty tabs after a night are one sign-in", async () => {
    /** @type {Page[]} */
    const tabs = [];
    for (const key of TWENTY) {
      const tab = await journey.tab();
      tabs.push(tab);
      await visit(tab, `${origin}/s/${key}`);
      await opened(tab, key);
    }
    await journey.let(0, "log-out");
    await journey.let(0, "forget-browsers");
    const before = await asked();
    await Promise.all(tabs.map((tab) => tab.evaluate(() => location.reload()).catch(() => null)));
    const leader = await until("one of them to be asked", async () => tabs.find((tab) => tab.url().startsWith(issuer)));
    await until("the others to wait", async () => {
      const waiting = await Promise.all(tabs.map((tab) => tab.$("#waiting:not([hidden])")));
      return waiting.filter(Boolean).length === TWENTY.length - 1;
    });
    assert.equal((await asked()) - before, 1);
    await journey.picture(tabs.find((tab) => tab !== leader) ?? page, "waiting");
    await leader.bringToFront();
    await signIn(leader, "ada");
    for (const [number, tab] of tabs.entries()) await opened(tab, TWENTY[number] ?? "");
    assert.equal((await asked()) - before, 1, "each of them came in with the one sign-in");
  });
});
