// What the checks of the console share: the browser, pages that must stay clean, and the fixture's addresses.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContextOptions} Options */
/** @typedef {{ small: string, large: string, panel: string, pages: string[] }} Fixture */

/** Where the pages are served; given by the Rust test that starts these checks. */
export const fixture = /** @type {Fixture} */ (JSON.parse(process.env.PANELGATE_CONSOLE ?? "null"));
assert(fixture, "these checks are started by `cargo nextest run -E 'binary(console_browser)'`");

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
});

after(() => browser.close());

/**
 * Runs a check on a fresh page. Afterwards nothing may have broken the policy or thrown, and no hostile
 * name may have run.
 * @param {(page: Page) => Promise<void>} check
 * @param {Options} [options]
 */
export async function onPage(check, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted|violates|Refused to/i.test(message.text())) complaints.push(message.text());
  });
  try {
    await check(page);
    assert.deepEqual(complaints, []);
    assert.equal(await page.evaluate(() => "pwned" in window), false, "a name was taken for markup");
  } finally {
    await context.close();
  }
}

/**
 * No known barrier for people who read or steer in another way.
 * @param {Page} page
 * @param {string} what
 * @param {string[]} [rules] only these; all unless given
 */
export async function expectAccessible(page, what, rules) {
  const axe = new AxeBuilder({ page }).exclude("iframe");
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join("\n  ")}`);
  assert.deepEqual(found, [], what);
}

/**
 * @param {Page} page
 * @returns {Promise<string>} the words of the line that is chosen, one space between each
 */
export async function activeLine(page) {
  const id = await page.locator("#search").getAttribute("aria-activedescendant");
  assert(id, "a line is chosen");
  const line = page.locator(`#${id}`);
  assert.equal(await line.getAttribute("aria-selected"), "true");
  return ((await line.textContent()) ?? "").replace(/open now/, "").replace(/\s+/g, " ").trim();
}

/**
 * @param {Page} page
 * @param {string} text what is typed into the list before Enter
 */
export async function choose(page, text) {
  await page.locator("#search").fill(text);
  await page.keyboard.press("Enter");
}

/**
 * Waits until the panel is seen, and gives its page.
 * @param {Page} page
 */
export async function panelOf(page) {
  await page.locator("iframe.frame:not(.covered)").waitFor();
  return page.frameLocator("iframe.frame:not(.covered)");
}
