// The way through the gateway in WebKitGTK, the nearest to Safari that there is on Linux. Started by `tests/browsers.rs`.

import assert from "node:assert/strict";

import { PANEL } from "./console.js";
import { until } from "./journey.js";
import { ENTER, WebKit } from "./webdriver.js";

/** @type {import("./journey.js").Told} */
const told = JSON.parse(process.env.PANELGATE_JOURNEY ?? "null");
const MAIN = "#frame-main";
const site = new URL(told.console).hostname;
const panel = told.style === "ports" ? `web1.${site}` : `whm.web1.${site}`;
const names = [site, panel, new URL(told.issuer).hostname, "first.example", "third.example"];
const browser = await WebKit.start({ address: told.address, names, authority: told.authority });
let doing = "start";

/**
 * @param {string} name
 * @param {() => Promise<void>} act
 */
async function step(name, act) {
  doing = name;
  const began = Date.now();
  await act();
  console.log(`webkitgtk ${told.style}: ${name} (${Date.now() - began} ms)`);
}

try {
  await step("third-party cookies are blocked", async () => {
    await browser.visit(`http://first.example:${told.control}/outer`);
    await browser.into("#frame");
    await until("the framed page", async () => /^\[.*\]$/.test(await browser.words("#cookies")));
    assert.equal(await browser.words("#cookies"), "[]", "in the frame of another site it can keep none");
    await browser.into();
    await browser.visit(`http://third.example:${told.control}/inner`);
    await until("its own page", async () => /from-script=1/.test(await browser.words("#cookies")));
  });
  await step("ada signs in", async () => {
    await browser.visit(told.console);
    await browser.type("input[name=login]", "ada");
    await browser.type("input[name=password]", "ada");
    await browser.click("button[type=submit]");
    await browser.says("#start-title", "Open a server");
  });
  await step("ada opens WHM in the frame", async () => {
    await browser.type("#search", `web1 root${ENTER}`);
    await browser.into(PANEL);
    await browser.visible("#whm-home");
    assert.equal(await browser.run("return document.cookie"), "", "no cookie is for the panel's script");
    await browser.into(PANEL, MAIN);
    await browser.visible("#load[data-state=ok]");
  });
  await step("ada saves a form", async () => {
    await browser.into(PANEL);
    await browser.click("#link-tweak");
    await browser.into(PANEL, MAIN);
    await browser.fill("#tweak-contact", "ops@example.com");
    await browser.click("#tweak-form button");
    await until("the next page", async () => {
      await browser.into(PANEL, MAIN);
      return (await browser.run("return document.getElementById('saved-contact')?.textContent")) === "ops@example.com";
    });
  });
  await step("ada uses the terminal", async () => {
    await browser.into(PANEL);
    await browser.click("#link-terminal");
    await until("the terminal's socket", async () => {
      await browser.into(PANEL, MAIN);
      return browser.run("return document.querySelector('#terminal[data-state=open]') !== null");
    });
    await browser.fill("#terminal-input", "echo through the gate");
    await browser.click("#terminal-form button");
    await until("its answer", () => browser.run("return document.getElementById('terminal').textContent.includes('through the gate')"));
  });
  await step("a panel cannot take the window", async () => {
    await browser.into(PANEL);
    const fate = await browser.run("try { top.location.assign('https://evil.example/'); return 'no error' } catch (error) { return String(error) }");
    assert.match(fate, /SecurityError|no error/);
    await browser.into();
    await browser.visible(PANEL);
    assert.equal(new URL(await browser.url()).origin, told.console);
  });
  await step("ada signs out", async () => {
    await browser.click(".person-button");
    await browser.click("#person-menu button[type=submit]");
    await browser.says("h1", "You are signed out");
    assert.deepEqual(await browser.run("return Object.keys(localStorage)"), []);
  });
} catch (cause) {
  process.exitCode = 1;
  console.error(`\nFAILED in webkitgtk, step: ${doing}`);
  console.error(cause);
  await browser.into().then(async () => console.error(`at ${await browser.url()}`)).catch(() => null);
  console.error(await browser.run("return document.body.innerText").catch(String));
} finally {
  await browser.end();
}
