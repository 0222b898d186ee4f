// WebKitGTK by the WebDriver protocol (W3C), without a library: its driver, and a screen that nobody sees.
//
// This browser can be told neither where a name leads nor whom to trust: it asks the system. So it runs in a mount
// namespace of its own (unshare, util-linux), in which the system's two files are others.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { until } from "./journey.js";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const DRIVER = "/usr/bin/WebKitWebDriver";
const BROWSERS = ["4.1", "4.0"].map((version) => `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/webkit2gtk-${version}/MiniBrowser`);
/** Longest that one command may take on a busy machine. */
const PATIENCE_MS = 20_000;
/** What the protocol wants for keys without a character. */
export const ENTER = "\uE007";

/** @typedef {{ [ELEMENT]: string }} Element */

export class WebKit {
  #session = "";
  #driver = "";
  /** @type {(() => unknown)[]} */
  #ends = [];

  /**
   * Starts a browser with a profile of its own.
   * @param {{ address: string, names: string[], authority: string }} place where the names lead, and a PEM file of the
   *   only authority that is trusted
   */
  static async start(place) {
    const browser = new WebKit();
    try {
      await browser.#start(place);
    } catch (cause) {
      await browser.end();
      throw cause;
    }
    return browser;
  }

  /** @param {{ address: string, names: string[], authority: string }} place */
  async #start({ address, names, authority }) {
    const binary = BROWSERS.find((file) => fs.existsSync(file));
    assert(binary && fs.existsSync(DRIVER), "run scripts/setup: webkit2gtk-driver is missing");
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "panelgate-webkit-"));
    this.#ends.push(() => fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
    const hosts = path.join(home, "hosts");
    fs.writeFileSync(hosts, `127.0.0.1 localhost\n${names.map((name) => `${address} ${name}\n`).join("")}`);
    const screen = this.#run("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], process.env, 3);
    const display = await firstLine(/** @type {import("node:stream").Readable} */ (screen.stdio[3]));
    const port = await freePort();
    this.#driver = `http://127.0.0.1:${port}`;
    const folders = { HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_RUNTIME_DIR: home };
    const others = `mount --bind '${hosts}' /etc/hosts && mount --bind '${authority}' /etc/ssl/certs/ca-certificates.crt`;
    const separate = ["--mount", "--map-root-user", "--propagation", "private", "sh", "-c"];
    this.#run("unshare", [...separate, `${others} && exec ${DRIVER} --port=${port}`], {
      ...process.env, ...folders, DISPLAY: `:${display}`, GDK_BACKEND: "x11", NO_AT_BRIDGE: "1", GIO_USE_NETWORK_MONITOR: "base",
      WEBKIT_DISABLE_COMPOSITING_MODE: "1", WEBKIT_DISABLE_DMABUF_RENDERER: "1", LIBGL_ALWAYS_SOFTWARE: "1",
    });
    await until("the driver", async () => (await fetch(`${this.#driver}/status`)).ok);
    const made = await this.#ask("POST", "", { capabilities: { alwaysMatch: {
      acceptInsecureCerts: false,
      "webkitgtk:browserOptions": { binary, args: ["--automation"] },
    } } });
    this.#session = `/${made.sessionId}`;
  }

  /**
   * Starts a program that ends with the browser.
   * @param {string} program
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} env
   * @param {number} [pipe] a descriptor that it writes to
   */
  #run(program, args, env, pipe) {
    const stdio = /** @type {import("node:child_process").StdioOptions} */ (pipe === 3 ? ["ignore", "ignore", "ignore", "pipe"] : "ignore");
    // In a process group of its own, so that what it starts ends with it.
    const child = spawn(program, args, { env, stdio, detached: true });
    child.on("error", (error) => console.error(`${program}: ${error.message}`));
    this.#ends.push(() => child.exitCode ?? (child.pid && process.kill(-child.pid, "SIGKILL")));
    return child;
  }

  /**
   * @param {string} method
   * @param {string} what
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async #ask(method, what, body) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const init = method === "POST" ? { method, signal, body: JSON.stringify(body ?? {}) } : { method, signal };
    const answer = /** @type {{ value: any }} */ (await (await fetch(`${this.#driver}/session${this.#session}${what}`, init)).json());
    if (answer.value?.error) throw new Error(`${what}: ${answer.value.error}: ${answer.value.message}`);
    return answer.value;
  }

  /** @param {string} url */
  async visit(url) {
    await this.#ask("POST", "/url", { url });
  }

  /** @returns {Promise<string>} */
  url() {
    return this.#ask("GET", "/url");
  }

  /**
   * The element, once it can be seen.
   * @param {string} selector
   * @returns {Promise<string>}
   */
  visible(selector) {
    return until(selector, async () => {
      const element = /** @type {Element} */ (await this.#ask("POST", "/element", { using: "css selector", value: selector }));
      return (await this.#ask("GET", `/element/${element[ELEMENT]}/displayed`)) && element[ELEMENT];
    });
  }

  /**
   * Waits until an element that can be seen says just this.
   * @param {string} selector
   * @param {string} expected
   */
  async says(selector, expected) {
    await until(`${selector} to say "${expected}"`, async () => (await this.words(selector)) === expected);
  }

  /** @param {string} selector */
  async words(selector) {
    return /** @type {string} */ (await this.#ask("GET", `/element/${await this.visible(selector)}/text`)).trim();
  }

  /** @param {string} selector */
  async click(selector) {
    await this.#ask("POST", `/element/${await this.visible(selector)}/click`);
  }

  /**
   * Replaces what stands in a field.
   * @param {string} selector
   * @param {string} text
   */
  async type(selector, text) {
    // While a page appears, its fields take no keys yet.
    await until(`${selector} to take keys`, async () => {
      const element = await this.visible(selector);
      await this.run(`document.querySelector(${JSON.stringify(selector)}).focus()`);
      await this.#ask("POST", `/element/${element}/clear`);
      await this.#ask("POST", `/element/${element}/value`, { text });
      return true;
    });
  }

  /**
   * The same in a frame within a frame, where this driver finds no field focusable.
   * @param {string} selector
   * @param {string} text
   */
  async fill(selector, text) {
    await this.visible(selector);
    await this.run(`document.querySelector(${JSON.stringify(selector)}).value = ${JSON.stringify(text)}`);
  }

  /**
   * Looks into these frames, each within the one before; into none, at the whole page.
   * @param {string[]} selectors
   */
  async into(...selectors) {
    await this.#ask("POST", "/frame", { id: null });
    for (const selector of selectors) {
      const id = { [ELEMENT]: await this.visible(selector) };
      await this.#ask("POST", "/frame", { id });
    }
  }

  /**
   * @param {string} script
   * @returns {Promise<any>}
   */
  run(script) {
    return this.#ask("POST", "/execute/sync", { script, args: [] });
  }

  async end() {
    for (const end of this.#ends.reverse()) end();
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * @param {import("node:stream").Readable} stream
 * @returns {Promise<string>}
 */
async function firstLine(stream) {
  let text = "";
  for await (const piece of stream) {
    text += piece;
    if (text.includes("\n")) return text.trim();
  }
  throw new Error("it ended before it said anything");
}
