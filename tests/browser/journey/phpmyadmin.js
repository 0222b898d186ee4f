// The real phpMyAdmin behind cPanel: somebody opens it from there and works in it. Started by `tests/browsers.rs`.

import assert from "node:assert/strict";

import { opened, signIn } from "./console.js";
import { Journey, click, says, until, visible, visit, words } from "./journey.js";
import { tab } from "./tools.js";

/** @typedef {import("puppeteer-core").Page} Page */

const BOB = "web2/cpaneld/bob";

await new Journey().run(async (journey) => {
  const page = await journey.tab();
  /** @type {Page} */
  let tool;
  await journey.step("sam opens it from cPanel", async () => {
    await visit(page, `${journey.told.console}/s/${BOB}`);
    await signIn(page, "sam");
    const panel = await opened(page, BOB);
    await click(panel, "#link-phpmyadmin");
    // It forbids every frame, as it does at home.
    await says(panel, "h1", "This tool opens in a tab of its own");
    await click(panel, "#open-own-tab");
    tool = await tab(journey, "/3rdparty/phpMyAdmin/");
    tool.on("dialog", (dialog) => {
      journey.complaints.push(`phpMyAdmin asks: ${dialog.message()}`);
      void dialog.accept();
    });
    tool.on("pageerror", (error) => journey.complaints.push(`phpMyAdmin: ${error}`));
    await until("its tree of databases", async () => /bob_shop/.test(await words(tool, "#pma_navigation_tree")));
    assert.equal(await tool.evaluate(() => getComputedStyle(document.body).display), "block", "it does not hide itself");
    assert.equal(await tool.evaluate(() => document.cookie), "", "its cookies are ours to keep");
    await journey.picture(tool, "phpmyadmin");
  });
  await journey.step("sam looks at a table", async () => {
    await followed(tool, "#pma_navigation_tree a[href*='route=/database/structure'][href*='db=bob_shop']");
    await visible(tool, "#structureTable, #tablesForm");
    await followed(tool, "#tablesForm a[href*='route=/sql'][href*='table=orders']");
    await until("its rows", async () => /two chairs/.test(await words(tool, ".table_results")));
    assert.match(await words(tool, ".table_results"), /Käsekuchen/);
    await journey.picture(tool, "table");
  });
  await journey.step("sam runs a query", async () => {
    await go(tool, "/database/sql&db=bob_shop");
    await visible(tool, "#sqlqueryform .CodeMirror");
    await tool.evaluate(() => {
      const query = "SELECT UPPER(what) AS loud FROM orders WHERE what LIKE '%lamp%'";
      /** @type {any} */ (document.querySelector("#sqlqueryform .CodeMirror")).CodeMirror.setValue(query);
    });
    await click(tool, "#button_submit_query");
    await until("its answer", async () => /A LAMP/.test(await words(tool, ".table_results")));
    await journey.picture(tool, "query");
  });
  await journey.step("sam inserts a row", async () => {
    await go(tool, "/table/change&db=bob_shop&table=orders");
    const field = await visible(tool, "#field_2_3");
    await field.type("grüne Äpfel & <b>more</b>");
    await click(tool, "#insertForm #buttonYes");
    await until("the word that it is there", async () => /1 row inserted/.test(await words(tool, "#page_content")));
    await noErrors(tool);
  });
  await journey.step("sam exports the database", async () => {
    await go(tool, "/database/export&db=bob_shop");
    await visible(tool, "#buttonGo");
    // What the button sends; a download has no page to look at.
    const { status, disposition, text } = await tool.evaluate(async () => {
      const form = /** @type {HTMLFormElement} */ (document.querySelector("form[name=dump]"));
      const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
      const answer = await fetch(form.action, { method: "POST", body });
      return { status: answer.status, disposition: answer.headers.get("content-disposition"), text: await answer.text() };
    });
    assert.equal(status, 200);
    assert.equal(disposition, 'attachment; filename="bob_shop.sql"');
    for (const part of ["CREATE TABLE `orders`", "two chairs", "a Käsekuchen", "grüne Äpfel & <b>more</b>"]) {
      assert(text.includes(part), `${part} is not in\n${text}`);
    }
  });
  await journey.step("the session ends at the server while the tool is open", async () => {
    await journey.let(2, "expire-sessions");
    await go(tool, "/table/structure&db=bob_shop&table=orders");
    await until("the columns", async () => /varchar\(40\)/i.test(await words(tool, "#tablestructure")));
    await noErrors(tool);
  });
  await journey.step("none of its cookies came to the browser", async () => {
    await tool.close();
    await page.bringToFront();
    const cookies = (await journey.browser.cookies()).filter(({ domain }) => domain !== new URL(journey.told.issuer).hostname);
    assert.deepEqual(cookies.map(({ name }) => name).filter((name) => !name.startsWith("__Host-panelgate-")), [], "none of its cookies is here");
  });
});

/**
 * Goes to a page of the tool by its address.
 * @param {Page} tool
 * @param {string} route
 */
async function go(tool, route) {
  await visit(tool, new URL(`index.php?route=${route}`, tool.url()).href);
  await noErrors(tool);
}

/**
 * Follows a link, which its script loads into the page.
 * @param {Page} tool
 * @param {string} selector
 */
async function followed(tool, selector) {
  await visible(tool, selector);
  // While it loads something, it takes no other click.
  await until("the tool to be at rest", () => tool.evaluate(() => /** @type {any} */ (window).AJAX.active === false));
  await tool.$eval(selector, (link) => /** @type {HTMLElement} */ (link).click());
  await noErrors(tool);
}

/** @param {Page} tool */
async function noErrors(tool) {
  const { errors } = await until("what the page complains about", async () => ({
    errors: await tool.$$eval(".alert-danger, #pma_errors .alert", (boxes) => boxes.map((box) => box.textContent?.trim())),
  }));
  assert.deepEqual(errors, []);
}
