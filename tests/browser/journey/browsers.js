// Starting a browser the way a careful person has it: certificates checked, third-party cookies blocked.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import puppeteer from "puppeteer-core";

/** @typedef {import("puppeteer-core").Browser} Browser */
/**
 * How a browser is started.
 * @typedef {object} Wishes
 * @property {"chromium" | "firefox"} browser
 * @property {string} [authority] a PEM file of the only authority that is trusted besides the usual ones
 * @property {string} [address] where every name leads
 * @property {boolean} [dark] whether the system is set to dark
 */
/** @typedef {{ browser: Browser, end: () => Promise<void> }} Started */

/**
 * Starts a browser with a profile of its own.
 * @param {Wishes} wishes
 * @returns {Promise<Started>}
 */
export async function start(wishes) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "panelgate-journey-"));
  const browser = await (wishes.browser === "chromium" ? startChromium(wishes, home) : startFirefox(wishes, home));
  return {
    browser,
    end: async () => {
      await browser.close();
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * @param {Wishes} wishes
 * @param {string} home
 */
async function startChromium({ authority, address, dark }, home) {
  if (authority) trust(path.join(home, ".pki/nssdb"), authority);
  const profile = path.join(home, "profile");
  fs.mkdirSync(path.join(profile, "Default"), { recursive: true });
  // 1 is "block third-party cookies".
  const preferences = { profile: { cookie_controls_mode: 1, block_third_party_cookies: true } };
  fs.writeFileSync(path.join(profile, "Default/Preferences"), JSON.stringify(preferences));
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    userDataDir: profile,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    defaultViewport: null,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`,
      ...(address ? [`--host-resolver-rules=MAP * ${address}`] : []),
    ],
  });
}

/**
 * @param {Wishes} wishes
 * @param {string} home
 */
async function startFirefox({ authority, address, dark }, home) {
  const profile = path.join(home, "profile");
  fs.mkdirSync(profile);
  if (authority) trust(profile, authority);
  return puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    userDataDir: profile,
    env: { ...process.env, HOME: home },
    defaultViewport: null,
    acceptInsecureCerts: false,
    extraPrefsFirefox: {
      // 1 is "reject every third-party cookie".
      "network.cookie.cookieBehavior": 1,
      "layout.css.prefers-color-scheme.content-override": dark ? 0 : 1,
      "services.settings.server": "data:,",
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      ...(address ? { "network.dns.forceResolve": address } : {}),
    },
  });
}

/**
 * Makes a throw-away certificate store that trusts an authority.
 * @param {string} folder
 * @param {string} authority
 */
function trust(folder, authority) {
  fs.mkdirSync(folder, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${folder}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${folder}`, "-A", "-t", "C,,", "-n", "lab", "-i", authority]);
}
