// Walks through the console as a person does, mostly by keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { activeLine, choose, fixture, onPage, panelOf } from "./harness.js";

const { small, large, panel } = fixture;

test("the list is walked by keyboard and an entry opens", () =>
  onPage(async (page) => {
    await page.goto(small);
    assert.equal(await page.title(), "Servers – Panelgate");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "search");
    assert.match(await activeLine(page), /^<img src=x.* WHM as root$/);
    await page.keyboard.press("ArrowUp");
    assert.match(await activeLine(page), /^Old reseller box/, "up from the first line goes to the last");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    assert.match(await activeLine(page), /^Broken/);
    await page.keyboard.press("End");
    assert.match(await activeLine(page), /^Old reseller box/);
    await page.keyboard.type("FRANK shop");
    assert.equal(await activeLine(page), "Frankfurt 1 web1 cPanel as shopowner");
    assert.equal(await page.locator("#count").innerText(), "1 of 7");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#search").inputValue(), "");
    await page.keyboard.type("nothing like it");
    await page.getByText("Nothing matches").waitFor();
    assert.equal(await page.locator("#search").getAttribute("aria-expanded"), "false");
    await choose(page, "web1 whm");
    await panelOf(page);
    assert.equal(page.url(), `${small}/s/web1/whostmgrd/root`);
    assert.equal(await page.title(), "web1 WHM as root – Panelgate");
    const bar = (await page.locator("#current").innerText()).replace(/\s+/g, " ");
    assert.equal(bar, "Frankfurt 1 web1 WHM as root");
    const frame = page.locator("iframe");
    assert.equal(await frame.getAttribute("src"), `${panel}/panel?web1+WHM`);
    assert.equal(await frame.getAttribute("title"), "web1 WHM as root");
    const sandbox = (await frame.getAttribute("sandbox")) ?? "";
    assert(!sandbox.includes("top-navigation"));
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "IFRAME");
    assert.equal(await page.locator("#live").innerText(), "web1 WHM as root is open");
  }));

test("the menu opens over a panel by its shortcuts and closes by Escape", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
    await page.locator("#menu-button").focus();
    for (const keys of ["Control+k", "Meta+k", "/"]) {
      await page.keyboard.press(keys);
      await page.locator("dialog#menu[open]").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.id), "search");
      assert.equal(await page.locator("[aria-current=true]").count(), 1);
      await page.keyboard.press("Escape");
      await page.locator("dialog#menu[open]").waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => document.activeElement?.id), "menu-button");
    }
    await page.keyboard.press("Control+k");
    await page.keyboard.type("a/b");
    assert.equal(await page.locator("#search").inputValue(), "a/b", "a slash is typed into the field");
    await page.mouse.click(5, 790);
    await page.locator("dialog#menu[open]").waitFor({ state: "detached" });
  }));

test("the person's menu signs out by a form", () =>
  onPage(async (page) => {
    await page.goto(small);
    await page.getByRole("button", { name: "Signed in as Ann <i>Example</i>" }).click();
    await page.getByText("ann@example.com").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  }));

test("a failure is shown in the frame's place, and trying again opens", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "old reseller");
    await page.getByRole("heading", { name: "down does not answer" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), "problem-title");
    await page.getByText(/^Reference [0-9A-Z]{5}-[0-9A-Z]{5}$/).waitFor();
    await page.getByRole("button", { name: "Choose another server" }).click();
    await page.locator("dialog#menu[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.route("**/api/open", (route) => {
      const { server, service, account } = route.request().postDataJSON();
      return route.fulfill({ json: { frame: `${panel}/panel?again`, server, service, account, title: "down" } });
    });
    await page.getByRole("button", { name: "Try again" }).click();
    await (await panelOf(page)).getByRole("heading", { name: "WHM stand-in" }).waitFor();
  }));

test("a request that gets nowhere, and an answer that is not ours, have words of their own", () =>
  onPage(async (page) => {
    await page.goto(small);
    await page.route("**/api/open", (route) => route.abort());
    await choose(page, "web1 whm");
    await page.getByRole("heading", { name: "Panelgate did not answer" }).waitFor();
    assert(await page.locator("#problem-reference-line").isHidden());
    const answers = [
      { status: 200, body: "<html>captive portal</html>" },
      { status: 502, body: "Bad Gateway" },
      { status: 200, json: { frame: "javascript:alert(1)" } },
      { status: 200, json: { frame: `${small}/` } },
      { status: 500, json: { problem: "odd" } },
      { status: 401, json: [] },
    ];
    for (const answer of answers) {
      await page.unroute("**/api/open");
      await page.route("**/api/open", (route) => route.fulfill(answer));
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("heading", { name: "Something else answered" }).waitFor();
      assert.equal(await page.locator("iframe").count(), 0);
    }
  }));

test("when the session has ended, the panel and what was typed in it stay", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await (await panelOf(page)).getByLabel("Notes").fill("half a sentence");
    await page.locator("#menu-button").click();
    await choose(page, "ended");
    await page.getByRole("dialog", { name: "Your session ended" }).waitFor();
    const link = page.getByRole("link", { name: "Continue" });
    assert.equal(await link.getAttribute("href"), "/sign-in?return_to=%2Fs%2Fended%2Fwhostmgrd%2Froot");
    await page.getByRole("button", { name: "Copy something first" }).click();
    assert.equal(await (await panelOf(page)).getByLabel("Notes").inputValue(), "half a sentence");
    assert.equal(await page.title(), "web1 WHM as root – Panelgate");
  }));

test("what is said in front of everything is not said below it too, until it is put aside", () =>
  onPage(async (page) => {
    const title = "This server asks for a fresh sign-in";
    const problem = { code: "sign_in_too_old", title, what: "It has to be recent.", todo: "Sign in again.", reference: "0-0" };
    const told = JSON.stringify({ server: "web1", service: "whostmgrd", problem, step_up: "/sign-in/again" });
    for (const aside of [() => page.getByRole("button", { name: "Copy something first" }).click(), () => page.keyboard.press("Escape")]) {
      await page.unroute("**/api/notices*");
      await page.goto(small);
      await choose(page, "web1 whm");
      await panelOf(page);
      const body = `retry: 3600000\ndata: ${told}\n\n`;
      await page.route("**/api/notices*", (route) => route.fulfill({ contentType: "text/event-stream", body }));
      const listen = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await listen();
      await page.getByRole("dialog", { name: title }).waitFor();
      const notice = page.locator("#notice");
      assert.match((await notice.textContent()) ?? "", /fresh sign-in/);
      assert(await notice.isHidden());
      await aside();
      await notice.waitFor();
      // Whoever put it aside is told in passing from then on.
      await listen();
      assert.equal(await page.locator("dialog#ended[open]").count(), 0);
      assert(await notice.isVisible());
    }
  }));

test("a failure in a narrow column of a frameset breaks no word", () =>
  onPage(async (page) => {
    for (const path of ["/expired", "/broken"]) {
      await page.goto(`${fixture.panel}${path}`);
      const broken = await page.evaluate(() => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        for (let text = texts.nextNode(); text; text = texts.nextNode()) {
          if (text.parentElement?.closest("code, script")) continue;
          for (const word of (text.textContent ?? "").matchAll(/\S+/g)) {
            const range = new Range();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            if (range.getClientRects().length > 1) found.push(word[0]);
          }
        }
        return found;
      });
      assert.deepEqual(broken, [], path);
      assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is too wide`);
    }
  }, { viewport: { width: 150, height: 600 } }));

test("coming back to the page notices that the session has ended", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
    const look = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    const alive = page.waitForResponse("**/api/session");
    await look();
    assert.equal((await alive).status(), 204);
    assert.equal(await page.locator("dialog#ended[open]").count(), 0);
    const problem = { code: "signed_out", title: "Your session ended", what: "", todo: "", reference: "" };
    const foreign = "https://evil.example/sign-in";
    await page.route("**/api/session", (route) => route.fulfill({ status: 401, json: { problem, sign_in: foreign } }));
    await look();
    await page.getByRole("dialog", { name: "Your session ended" }).waitFor();
    const href = await page.getByRole("link", { name: "Continue" }).getAttribute("href");
    assert.equal(href, "/sign-in?return_to=%2Fs%2Fweb1%2Fwhostmgrd%2Froot", "only our own origin is followed");
  }));

test("back and forward go between panels, and an address opens at once", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
    await page.locator("#menu-button").click();
    await choose(page, "mail1");
    await page.locator(`iframe[src="${panel}/panel?mail1+Webmail"]:not(.covered)`).waitFor();
    assert.equal(page.url(), `${small}/s/mail1/webmaild/postmaster@example.com`);
    await page.goBack();
    await page.locator(`iframe[src="${panel}/panel?web1+WHM"]:not(.covered)`).waitFor();
    assert.equal(await page.title(), "web1 WHM as root – Panelgate");
    await (await panelOf(page)).getByLabel("Notes").fill("kept");
    await page.goBack();
    await page.getByRole("heading", { name: "Open a server" }).waitFor();
    assert.equal(await page.title(), "Servers – Panelgate");
    await page.goForward();
    assert.equal(await (await panelOf(page)).getByLabel("Notes").inputValue(), "kept", "the start keeps the panel");
    await page.reload();
    await page.locator(`iframe[src="${panel}/panel?web1+WHM"]:not(.covered)`).waitFor();
    await page.getByRole("link", { name: "Panelgate, all servers" }).click();
    await page.getByRole("heading", { name: "Open a server" }).waitFor();
    assert.equal(page.url(), `${small}/`);
    await page.goto(`${small}/s/web9/cpaneld/not-in-the-list`);
    await panelOf(page);
    assert.equal(await page.title(), "web9 cPanel as not-in-the-list – Panelgate");
  }));

test("an opening says what it does, owns up to being slow, and can be given up", () =>
  onPage(async (page) => {
    await page.clock.install();
    await page.goto(small);
    await choose(page, "web1 whm");
    await panelOf(page);
    await (await panelOf(page)).getByLabel("Notes").fill("still here");
    // Never answered: the page has to live with it.
    await page.route("**/api/open", () => {});
    await page.locator("#menu-button").click();
    await choose(page, "web2");
    const opening = page.getByRole("region", { name: "Opening web2 WHM as support…" });
    await opening.waitFor();
    assert(await page.locator("#progress").isVisible());
    const hint = page.locator("#opening-hint");
    assert(await hint.isHidden());
    await page.clock.runFor(5_000);
    await hint.waitFor();
    assert.match(await page.locator("#live").innerText(), /^Still working/);
    await page.keyboard.press("Escape");
    await opening.waitFor({ state: "hidden" });
    assert.equal(await (await panelOf(page)).getByLabel("Notes").inputValue(), "still here");
    assert.equal(page.url(), `${small}/s/web1/whostmgrd/root`);
    assert(await page.locator("#progress").isHidden());
    await page.goto(`${small}/s/web2/whostmgrd/support`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("heading", { name: "Open a server" }).waitFor();
    assert.equal(page.url(), `${small}/`);
  }));

test("a frame that stays blank is uncovered, and later offered to be opened again", () =>
  onPage(async (page) => {
    await page.clock.install();
    await page.goto(small);
    let isStuck = true;
    await page.route(`${panel}/**`, (route) => (isStuck ? undefined : route.continue()));
    await choose(page, "web1 whm");
    await page.locator("iframe.covered").waitFor({ state: "attached" });
    await page.clock.runFor(2_500);
    await panelOf(page);
    assert(await page.locator("#slow").isHidden());
    await page.clock.runFor(20_000);
    await page.locator("#slow").waitFor();
    isStuck = false;
    await page.getByRole("button", { name: "Open it again" }).click();
    await (await panelOf(page)).getByRole("heading", { name: "WHM stand-in" }).waitFor();
    await page.locator("#slow").waitFor({ state: "hidden" });
  }));

test("only the open frame is listened to", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "web1 whm");
    const content = await panelOf(page);
    await page.evaluate(() => window.postMessage({ panelgate: "choose" }, "*"));
    const other = await page.evaluateHandle((source) => {
      const frame = document.createElement("iframe");
      frame.src = source;
      document.body.append(frame);
      return new Promise((done) => frame.addEventListener("load", () => done(frame)));
    }, `${panel}/panel?other`);
    const stranger = await other.asElement()?.contentFrame();
    await stranger?.evaluate(() => parent.postMessage({ panelgate: "choose" }, "*"));
    // Messages are delivered in order: once ours is heard, the others have been ignored.
    await page.evaluate(() => new Promise((done) => {
      window.addEventListener("message", done, { once: true });
      window.postMessage("last", "*");
    }));
    assert.equal(await page.locator("dialog#menu[open]").count(), 0);
    await content.getByRole("button", { name: "Choose" }).click();
    await page.locator("dialog#menu[open]").waitFor();
  }));

test("a page of ours in the frame asks the console around it", () =>
  onPage(async (page) => {
    await page.goto(small);
    await choose(page, "broken");
    const content = await panelOf(page);
    await content.getByRole("heading", { name: "web1 took too long to answer" }).waitFor();
    const again = page.waitForRequest("**/api/open");
    await content.getByRole("button", { name: "Try again" }).click();
    assert.deepEqual((await again).postDataJSON(), { server: "broken", service: "whostmgrd", account: "root" });
    await (await panelOf(page)).getByRole("button", { name: "Choose another server" }).click();
    await page.locator("dialog#menu[open]").waitFor();
  }));

test("a page of ours in the frame can say that the session has ended, and is not just believed", () =>
  onPage(async (page) => {
    const asked = page.waitForResponse("**/api/session");
    await page.goto(`${small}/s/expired/whostmgrd/root`);
    assert.equal((await asked).status(), 204);
    await (await panelOf(page)).getByRole("heading", { name: "Your session ended" }).waitFor();
    assert.equal(await page.locator("dialog#ended[open]").count(), 0, "the gateway knows better");
    const problem = { code: "signed_out", title: "Your session ended", what: "", todo: "", reference: "" };
    await page.route("**/api/session", (route) => route.fulfill({ status: 401, json: { problem } }));
    await page.reload();
    await page.getByRole("dialog", { name: "Your session ended" }).waitFor();
    const href = await page.getByRole("link", { name: "Continue" }).getAttribute("href");
    assert.equal(href, "/sign-in?return_to=%2Fs%2Fexpired%2Fwhostmgrd%2Froot");
  }));

test("500 servers are searched, and the one before is one Enter away", () =>
  onPage(async (page) => {
    await page.goto(large);
    assert.equal(await page.locator("#entries [role=option]").count(), 666);
    await page.locator("#search").fill("web41");
    assert.equal(await page.locator("#count").innerText(), "14 of 666");
    assert.equal(await activeLine(page), "Helsinki 41 web41 WHM as root", "an exact id is chosen first");
    assert.equal(await page.locator("[role=option]:visible").first().getAttribute("data-server"), "web41");
    await page.locator("#search").fill("são customer 3");
    for (const name of await page.locator("[role=option]:visible .name").allInnerTexts()) assert.match(name, /^São/);
    await page.locator("#search").fill("");
    assert.match(await activeLine(page), /^Ashburn 2 /, "without words the list is in its own order again");
    await page.keyboard.press("End");
    assert.match(await activeLine(page), /^São Paulo 499 /);
    await page.locator("[role=option][aria-selected=true]:visible").waitFor();
    await choose(page, "web300 whm");
    await panelOf(page);
    await page.locator("#menu-button").click();
    await choose(page, "web41 whm");
    await page.locator(`iframe[src="${panel}/panel?web41+WHM"]:not(.covered)`).waitFor();
    await page.locator("#menu-button").click();
    assert.equal(await activeLine(page), "Frankfurt 300 web300 WHM as root");
    await page.getByRole("group", { name: "Recent" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(`iframe[src="${panel}/panel?web300+WHM"]:not(.covered)`).waitFor();
    const stored = await page.evaluate(() => localStorage.getItem("panelgate.recent"));
    assert.equal(stored, '["web300/whostmgrd/root","web41/whostmgrd/root"]');
    await page.evaluate(() => localStorage.setItem("panelgate.recent", '{"odd":1}'));
    await page.goto(large);
    assert(await page.locator("#recent").isHidden());
  }));

test("a second panel opens in a new tab", () =>
  onPage(async (page) => {
    await page.goto(small);
    await page.locator("#search").fill("web2");
    const opened = page.context().waitForEvent("page");
    await page.keyboard.press("Control+Enter");
    const tab = await opened;
    await tab.waitForURL(`${small}/s/web2/whostmgrd/support`);
    assert.equal(page.url(), `${small}/`);
  }));

test("the message for an administrator is copied", () =>
  onPage(
    async (page) => {
      await page.goto(`${small}/pages/no-role-group`);
      await page.getByRole("button", { name: "Copy the message" }).click();
      await page.getByText("Copied").waitFor();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.match(copied, /Who: Ann <i>Example<\/i> <ann@example.com>/);
      assert.match(copied, /- hosting-support\n- <img src=x onerror=/);
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));
