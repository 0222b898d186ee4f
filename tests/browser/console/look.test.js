// How every page looks and reads: no barrier that axe knows, nothing wider than the screen, and a
// screenshot of each state, in light and dark, narrow and zoomed.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";

import { choose, expectAccessible, fixture, onPage, panelOf } from "./harness.js";

/** @typedef {import("playwright-core").Page} Page */

const { small, large } = fixture;
const folder = new URL("../../output/screenshots/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });

/** Each state of the console, and how to get there. @type {Record<string, (page: Page) => Promise<void>>} */
const states = {
  "start-small": async (page) => void (await page.goto(small)),
  "start-large": async (page) => void (await page.goto(large)),
  "start-filtered": async (page) => {
    await page.goto(large);
    await page.locator("#search").fill("web3 customer");
  },
  "start-none": async (page) => {
    await page.goto(large);
    await page.locator("#search").fill("zzz");
  },
  person: async (page) => {
    await page.goto(small);
    await page.locator(".person-button").click();
  },
  opening: async (page) => {
    await page.clock.install();
    await page.goto(small);
    await page.route("**/api/open", () => {});
    await choose(page, "web1 whm");
    await page.clock.runFor(5_000);
    await page.locator("#opening-hint").waitFor();
  },
  panel: async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
  },
  "panel-menu": async (page) => {
    await page.goto(large);
    for (const text of ["web7 whm", "web300 whm", "web41 whm"]) {
      await choose(page, text);
      await page.locator(`iframe[src*="${text.split(" ")[0]}+"]:not(.covered)`).waitFor();
      await page.locator("#menu-button").click();
    }
    await page.keyboard.press("ArrowDown");
  },
  "panel-slow": async (page) => {
    await page.clock.install();
    await page.goto(small);
    await page.route(`${fixture.panel}/**`, () => {});
    await choose(page, "web1 whm");
    await page.locator("iframe.covered").waitFor({ state: "attached" });
    await page.clock.runFor(21_000);
    await page.locator("#slow").waitFor();
  },
  failed: async (page) => {
    await page.goto(small);
    await choose(page, "old reseller");
    await page.locator("#problem-title").waitFor();
  },
  "failed-in-frame": async (page) => {
    await page.goto(small);
    await choose(page, "broken");
    await (await panelOf(page)).getByRole("heading").waitFor();
  },
  ended: async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
    await page.locator("#menu-button").click();
    await choose(page, "ended");
    await page.locator("dialog#ended[open]").waitFor();
  },
};
for (const name of fixture.pages) {
  states[name] = async (page) => void (await page.goto(`${small}/pages/${name}`));
}

/** @type {Record<string, import("playwright-core").BrowserContextOptions>} */
const views = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  // The narrowest screen of WCAG 2.2, success criterion 1.4.10.
  narrow: { colorScheme: "light", viewport: { width: 320, height: 640 }, deviceScaleFactor: 2 },
  // 1280 pixels at 200 %.
  zoomed: { colorScheme: "dark", viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
};

/** What another view can break that the first one, which is checked for everything, does not. */
/** @type {Record<string, string[]>} */
const rules = {
  dark: ["color-contrast"],
  narrow: ["scrollable-region-focusable", "target-size"],
  zoomed: ["scrollable-region-focusable"],
};

for (const [view, options] of Object.entries(views)) {
  for (const [name, reach] of Object.entries(states)) {
    test(`${name}, ${view}`, () =>
      onPage(async (page) => {
        await reach(page);
        await page.screenshot({ path: `${folder}${name}.${view}.png` });
        await expectAccessible(page, name, rules[view]);
        const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert(tooWide <= 0, `${tooWide} pixels wider than the screen`);
      }, { reducedMotion: "reduce", ...options }));
  }
}
