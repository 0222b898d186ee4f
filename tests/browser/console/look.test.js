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

/**
 * The ways to look at each state, and what the second and later can break that the first does not show.
 * @type {{ view: string, colorScheme: "light" | "dark", width: number, height: number, rules?: string[] }[]}
 */
const views = [
  { view: "light", colorScheme: "light", width: 1280, height: 800 },
  { view: "dark", colorScheme: "dark", width: 1280, height: 800, rules: ["color-contrast"] },
  // 1280 pixels at 200 %.
  { view: "zoomed", colorScheme: "dark", width: 640, height: 400, rules: ["scrollable-region-focusable"] },
  // The narrowest screen of WCAG 2.2, success criterion 1.4.10.
  { view: "narrow", colorScheme: "light", width: 320, height: 640, rules: ["scrollable-region-focusable", "target-size"] },
];

for (const [name, reach] of Object.entries(states)) {
  test(name, () =>
    onPage(
      async (page) => {
        await reach(page);
        for (const { view, colorScheme, width, height, rules } of views) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height });
          await page.screenshot({ path: `${folder}${name}.${view}.png` });
          // On 500 servers axe takes long, and finds there what it finds in the other states of the list.
          if (name !== "start-large") await expectAccessible(page, `${name}, ${view}`, rules);
          const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert(tooWide <= 0, `${view} is ${tooWide} pixels wider than the screen`);
        }
      },
      { reducedMotion: "reduce" },
    ));
}
