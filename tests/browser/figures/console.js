// What the console costs in Chromium: prints one line of JSON for `benches/compare/figures`, and judges nothing.

import { start } from "../journey/browsers.js";

/** @typedef {{ origin: string, address: string, authority: string, cookie: string, loads: number }} Asked */

const asked = /** @type {Asked} */ (JSON.parse(process.argv[2] ?? "null"));

// Between two keys, in milliseconds: 200 words a minute.
const PACE = 60;
const TYPED = "web41 whm role web3 root zzz";

/** @param {number[]} values */
function median(values) {
  return values.toSorted((one, two) => one - two)[values.length >> 1] ?? NaN;
}

const { browser, end } = await start({ browser: "chromium", address: asked.address, authority: asked.authority });
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.setCookie({ url: asked.origin, name: "__Host-panelgate-session", value: asked.cookie, path: "/", secure: true });
  await page.evaluateOnNewDocument(() => {
    const noted = { shifts: 0, frames: /** @type {number[]} */ ([]), events: /** @type {number[]} */ ([]), long: 0 };
    Object.assign(window, { noted });
    const watch = (/** @type {string} */ type, /** @type {(entry: any) => void} */ note, more = {}) =>
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...more });
    watch("layout-shift", (entry) => (noted.shifts += entry.value));
    watch("longtask", () => (noted.long += 1));
    watch("event", (entry) => noted.events.push(entry.processingEnd - entry.processingStart), { durationThreshold: 16 });
  });
  const loads = [];
  await page.setCacheEnabled(false);
  // The first one also makes the connection.
  for (let load = 0; load <= asked.loads; load += 1) {
    await page.goto(asked.origin, { waitUntil: "load" });
    await page.waitForSelector("[aria-selected=true]");
    loads.push(await page.evaluate(async () => {
      await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
      const [page] = /** @type {any[]} */ (performance.getEntriesByType("navigation"));
      const parts = /** @type {any[]} */ (performance.getEntriesByType("resource"));
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN;
      return {
        server: page.responseEnd - page.requestStart,
        paint: paint - page.requestStart,
        bytes: [page, ...parts].reduce((sum, part) => sum + part.encodedBodySize, 0),
        entries: document.querySelectorAll("[role=option]").length,
        shifts: /** @type {any} */ (window).noted.shifts,
      };
    }));
  }
  loads.shift();
  await page.focus("#search");
  await page.evaluate(() => {
    const { frames } = /** @type {any} */ (window).noted;
    const note = (/** @type {number} */ time) => {
      frames.push(time);
      requestAnimationFrame(note);
    };
    requestAnimationFrame(note);
  });
  for (const key of TYPED) await page.keyboard.press(/** @type {any} */ (key), { delay: PACE });
  for (const _ of TYPED) await page.keyboard.press("Backspace", { delay: PACE });
  const typing = await page.evaluate(async () => {
    await new Promise((idle) => requestIdleCallback(idle));
    const { frames, events, long } = /** @type {any} */ (window).noted;
    const gaps = frames.slice(1).map((/** @type {number} */ time, /** @type {number} */ place) => time - frames[place]);
    // A frame that was dropped makes a gap of two.
    return {
      frames: frames.length,
      dropped: gaps.filter((/** @type {number} */ gap) => gap > 25).length,
      longest_gap_ms: Math.max(...gaps),
      longest_key_ms: Math.max(0, ...events),
      long_tasks: long,
    };
  });
  process.stdout.write(`${JSON.stringify({
    entries: loads[0]?.entries,
    server_ms: median(loads.map((load) => load.server)),
    paint_ms: median(loads.map((load) => load.paint)),
    bytes: median(loads.map((load) => load.bytes)),
    shifts: Math.max(...loads.map((load) => load.shifts)),
    ...typing,
  })}\n`);
} finally {
  await end();
}
