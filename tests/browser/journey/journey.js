// A journey: its steps, the tabs it uses, and what every page on the way must keep to.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { start } from "./browsers.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("puppeteer-core").Frame} Frame */
/** @typedef {import("./browsers.js").Started} Started */
/**
 * What the Rust test tells.
 * @typedef {object} Told
 * @property {"chromium" | "firefox"} browser
 * @property {string} screenshots the folder
 * @property {string} console the console's origin
 * @property {"ports" | "hosts"} style
 * @property {string} issuer
 * @property {string} authority
 * @property {string} address
 * @property {number} control
 * @property {string[]} secrets
 */

// Firefox's driver asks about elements without waiting for the answer; if their page is gone by then, nobody
// is left to hear that they are gone too. Everything else that nobody waits for is a mistake.
process.on("unhandledRejection", (cause) => {
  if (!/no such (node|frame|handle)/.test(String(cause))) throw cause;
});

/** Longest that anything may take to happen on a busy machine. */
const PATIENCE_MS = 30_000;
const LOOK_AGAIN_MS = 50;

/** The size of most pictures. */
export const WINDOW = { width: 1280, height: 800 };

export class Journey {
  /** @type {Told} */
  told;
  /** Everything that the browser said in its console. @type {string[]} */
  said = [];
  /** What no page may do. @type {string[]} */
  complaints = [];
  /** Every address that was asked for. @type {Set<string>} */
  asked = new Set();
  /** @type {Started | null} */
  #started = null;
  /** @type {Page[]} */
  #tabs = [];
  #pictures = 0;
  #step = "start";

  constructor() {
    this.told = JSON.parse(process.env.PANELGATE_JOURNEY ?? "null");
    assert(this.told, "journeys are started by `cargo nextest run -E 'binary(browsers)'`");
    fs.rmSync(this.told.screenshots, { recursive: true, force: true });
    fs.mkdirSync(this.told.screenshots, { recursive: true });
  }

  /**
   * Runs the steps; on failure says where it was and what was to be seen, and lets the process fail.
   * @param {(journey: Journey) => Promise<void>} steps
   */
  async run(steps) {
    try {
      await this.#open({});
      await steps(this);
      this.#step = "what no page may do";
      assert.deepEqual(this.complaints, []);
    } catch (cause) {
      process.exitCode = 1;
      await this.#explain(cause);
    } finally {
      await this.#started?.end();
    }
  }

  /**
   * Goes on in another browser with nothing in it.
   * @param {{ dark?: boolean }} wishes
   */
  async restart(wishes) {
    await this.#started?.end();
    await this.#open(wishes);
  }

  /** @param {{ dark?: boolean }} wishes */
  async #open(wishes) {
    const { browser, authority, address } = this.told;
    this.#tabs = [];
    this.#started = await start({ browser, authority, address, ...wishes });
  }

  /**
   * @param {string} name what is done, for whoever reads the failure
   * @param {() => Promise<void>} act
   */
  async step(name, act) {
    this.#step = name;
    const began = Date.now();
    await act();
    console.log(`${this.told.browser} ${this.told.style ?? "demo"}: ${name} (${Date.now() - began} ms)`);
  }

  get browser() {
    assert(this.#started);
    return this.#started.browser;
  }

  /** A new tab that is watched. */
  async tab() {
    const page = await this.browser.newPage();
    this.#tabs.push(page);
    await page.setViewport(WINDOW);
    page.on("request", (request) => this.asked.add(request.url()));
    page.on("pageerror", (error) => {
      // To Firefox, a stream of events that ends with its session is an error of the page.
      if (!String(error).includes("/api/notices")) this.complaints.push(`${this.#step}: ${error}`);
    });
    page.on("console", (message) => {
      const text = message.text();
      this.said.push(`${message.type()}: ${text}`);
      if (/policy violated|Content.Security.Policy|Trusted ?Types/i.test(text)) this.complaints.push(`${this.#step}: ${text}`);
    });
    // A violation of a page's policy, told in the same words by every browser.
    await page.evaluateOnNewDocument(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI} on ${event.documentURI}`);
      });
    });
    return page;
  }

  /** @param {Page} page */
  async close(page) {
    this.#tabs = this.#tabs.filter((tab) => tab !== page);
    await page.close();
  }

  /**
   * @param {Page} page
   * @param {string} name
   */
  async picture(page, name) {
    this.#pictures += 1;
    const file = path.join(this.told.screenshots, `${String(this.#pictures).padStart(2, "0")}-${name}.png`);
    await page.bringToFront();
    // Firefox has no window to take a picture of for a moment, while it brings one to the front.
    await until("a picture", () => page.screenshot({ path: /** @type {`${string}.png`} */ (file) }));
    return file;
  }

  /**
   * Lets something happen to a server.
   * @param {number} server
   * @param {string} act
   */
  async let(server, act) {
    await this.#ask(`/do/${server}/${act}`, "POST");
  }

  /**
   * What was written or seen behind the scenes.
   * @param {string} what
   */
  behind(what) {
    return this.#ask(`/${what}`, "GET");
  }

  /**
   * @param {string} where
   * @param {string} method
   */
  async #ask(where, method) {
    const response = await fetch(`http://${this.told.address}:${this.told.control}${where}`, { method });
    const text = await response.text();
    assert(response.ok, `${method} ${where}: ${text}`);
    return text;
  }

  /** @param {unknown} cause */
  async #explain(cause) {
    console.error(`\nFAILED in ${this.told.browser}, step: ${this.#step}`);
    console.error(cause);
    console.error(`complaints:\n  ${this.complaints.join("\n  ")}`);
    console.error(`the browser's console:\n  ${this.said.slice(-20).join("\n  ")}`);
    for (const page of this.#tabs) {
      console.error(`open: ${page.frames().map((frame) => frame.url()).join("\n  in it ")}`);
      try {
        console.error(`picture: ${await this.picture(page, "failed")}`);
      } catch (error) {
        console.error(`no picture: ${error}`);
      }
    }
    if (this.told.control) console.error(`the gateway's log:\n${(await this.behind("log")).split("\n").slice(-30).join("\n")}`);
  }
}

/**
 * Waits until something is there, and gives it. While a page changes, looking at it may fail.
 * @template T
 * @param {string} what
 * @param {() => Promise<T | null | undefined | false | "">} look
 * @returns {Promise<T>}
 */
export async function until(what, look) {
  const end = Date.now() + PATIENCE_MS;
  /** @type {unknown} */
  let last = "it never was";
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = "it never was";
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited too long for ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/**
 * Goes to an address, or loads the page anew. What the driver offers for that waits for frames too, and in
 * Firefox even for those that were replaced long ago; so it is for new tabs only.
 * @param {Page} page
 * @param {string} [address]
 */
export async function visit(page, address) {
  if (address && page.url() === "about:blank") {
    await page.goto(address);
    return;
  }
  await page.evaluate((to) => {
    document.documentElement.dataset.journeyLeft = "";
    if (to === null) location.reload();
    else location.assign(to);
  }, address ?? null);
  await until(`${address ?? "the page"} to load`, () =>
    page.evaluate(() => document.readyState === "complete" && !("journeyLeft" in document.documentElement.dataset)),
  );
}

/**
 * The element, once it can be seen.
 * @param {Page | Frame} where
 * @param {string} selector
 */
export function visible(where, selector) {
  return until(`${selector} to be seen`, async () => {
    const element = await where.$(selector);
    return (await element?.isVisible()) ? element : null;
  });
}

/**
 * The words in an element, once there are any to be seen.
 * @param {Page | Frame} where
 * @param {string} selector
 */
export function words(where, selector) {
  return until(`words in ${selector}`, async () => {
    const element = await where.$(selector);
    return (await element?.isVisible()) && element?.evaluate((found) => (found.textContent ?? "").replace(/\s+/g, " ").trim());
  });
}

/**
 * Waits until an element that can be seen says just this.
 * @param {Page | Frame} where
 * @param {string} selector
 * @param {string} expected
 */
export async function says(where, selector, expected) {
  let last = "";
  try {
    await until(selector, async () => (last = await words(where, selector)) === expected);
  } catch (cause) {
    throw new Error(`${selector} says "${last}", not "${expected}"`, { cause });
  }
}

/**
 * Clicks on something. A page that is just replaced by another takes it away before it is reached.
 * @param {Page | Frame} where
 * @param {string} selector
 */
export async function click(where, selector) {
  await until(`${selector} to be clicked`, async () => {
    const element = await visible(where, selector);
    await element.click();
    return true;
  });
}

/**
 * The page in a frame, once the frame can be seen.
 * @param {Page | Frame} where
 * @param {string} selector
 */
export function frameIn(where, selector) {
  return until(`a page in ${selector}`, async () => (await (await where.$(selector))?.contentFrame()) ?? null);
}
