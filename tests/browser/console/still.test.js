// Nothing on the console moves by itself: not while it loads, not while a panel opens, not while somebody types.

import assert from "node:assert/strict";
import { test } from "node:test";

import { choose, fixture, onPage, panelOf } from "./harness.js";

/** @typedef {import("playwright-core").Page} Page */

const { small, large } = fixture;

/**
 * Notes from the first moment on what the browser counts as a shift (W3C Layout Instability). Unlike the score that
 * pages are rated by, what follows within half a second of a key counts too.
 * @param {Page} page
 */
async function watchShifts(page) {
  await page.addInitScript(() => {
    /** @type {string[]} */
    const shifts = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { value, sources } = /** @type {any} */ (entry);
        const nodes = sources.map((/** @type {any} */ source) => {
          const moved = source.node instanceof Element ? source.node : source.node?.parentElement;
          // What stands in the foot of the list goes with it.
          const element = moved?.closest(".keys") ?? moved;
          // How far, in words that no comma parts.
          const { previousRect: from, currentRect: to } = source;
          const way = `(${from.x} ${from.y} to ${to.x} ${to.y})`;
          return element ? `${element.tagName}.${element.getAttribute("class")}#${element.id} ${way}` : `gone ${way}`;
        });
        shifts.push(`${value.toFixed(4)}: ${nodes.join(", ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

/**
 * @param {Page} page
 * @returns {Promise<string[]>} the shifts so far, when all that is on its way has been painted
 */
async function shiftsOn(page) {
  await page.evaluate(async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame += 1) await new Promise((painted) => requestAnimationFrame(painted));
    await new Promise((idle) => requestIdleCallback(idle));
  });
  return page.evaluate(() => /** @type {any} */ (window).shifts);
}

const wide = { viewport: { width: 1280, height: 800 } };
const narrow = { viewport: { width: 320, height: 640 } };

for (const [name, address, options] of /** @type {const} */ ([
  ["small", small, wide],
  ["large", large, wide],
  ["small, on a narrow screen", small, narrow],
  ["large, on a narrow screen", large, narrow],
  ["opening", `${large}/s/web41/whostmgrd/root`, wide],
])) {
  test(`nothing shifts while the page loads: ${name}`, () =>
    onPage(async (page) => {
      await watchShifts(page);
      await page.goto(address);
      if (name === "opening") await panelOf(page);
      assert.deepEqual(await shiftsOn(page), []);
    }, options));
}

test("nothing around the list shifts while somebody types, and nothing while a panel opens", () =>
  onPage(async (page) => {
    await watchShifts(page);
    await page.goto(large);
    await page.locator("#search").pressSequentially("web41 whm");
    // Lines that fit move up to the field, and the foot of the list with them: that is what typing is for. All else stays.
    const around = (await shiftsOn(page)).filter((shift) => !/: ((DIV\.(entry|server|section|entries)|P\.(keys|count))[^,]*(, |$))+$/.test(shift));
    assert.deepEqual(around, []);
    const before = (await shiftsOn(page)).length;
    await choose(page, "web41 whm");
    await panelOf(page);
    assert.deepEqual((await shiftsOn(page)).slice(before), []);
  }));
