// The pages at twice the size, and with the system set to dark.

import { mainOf, openByKeyboard, opened, signIn } from "./console.js";
import { WINDOW, click, visible, visit } from "./journey.js";
import { WEB1 } from "./admin.js";

/** @typedef {import("puppeteer-core").Page} Page */
/** @typedef {import("./journey.js").Journey} Journey */

/**
 * @param {Journey} journey
 * @param {Page} light a tab where nobody is signed in
 */
export async function largeAndDark(journey, light) {
  // Twice the size is half the room, in twice the pixels.
  await light.setViewport({ width: WINDOW.width / 2, height: WINDOW.height / 2, deviceScaleFactor: 2 });
  await walk(journey, light, "large");
  await journey.restart({ dark: true });
  await walk(journey, await journey.tab(), "dark");
}

/**
 * @param {Journey} journey
 * @param {Page} page
 * @param {string} name
 */
async function walk(journey, page, name) {
  await visit(page, journey.told.console);
  await visible(page, "input[name=login]");
  await journey.picture(page, `${name}-provider`);
  await signIn(page, "ada");
  await visible(page, "#search");
  await journey.picture(page, `${name}-console`);
  await openByKeyboard(page, "web1 root", WEB1);
  await visible(await mainOf(await opened(page, WEB1)), "#load[data-state=ok]");
  await journey.picture(page, `${name}-whm`);
  await click(page, "#menu-button");
  await journey.picture(page, `${name}-menu`);
  await visit(page, `${journey.told.console}/s/web2/cpaneld/bob`);
  await visible(page, "#problem");
  await journey.picture(page, `${name}-problem`);
}
