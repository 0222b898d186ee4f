// The demonstration, seen as whoever tries it sees it: no flag, no certificate, only its address.

import { WEB1 } from "./admin.js";
import { mainOf, openByKeyboard, opened, signIn, signOut } from "./console.js";
import { Journey, click, says, visible, visit } from "./journey.js";

await new Journey().run(async (journey) => {
  const page = await journey.tab();
  await journey.step("ada opens a server", async () => {
    await visit(page, journey.told.console);
    await journey.picture(page, "provider");
    await signIn(page, "ada");
    await openByKeyboard(page, "web1", WEB1);
    const panel = await opened(page, WEB1);
    await visible(await mainOf(panel), "#load[data-state=ok]");
    await journey.picture(page, "whm");
    await click(panel, "#link-accounts");
    await visible(await mainOf(panel), "#account-table");
    // The picture of the README.
    await journey.picture(page, "accounts");
    await signOut(page);
  });
  await journey.step("sam opens a cPanel", async () => {
    await visit(page, journey.told.console);
    await signIn(page, "sam");
    await click(page, "#entries [role=option][data-service=cpaneld]");
    await visible(await opened(page, "web2/cpaneld/bob"), "#link-path");
    await journey.picture(page, "cpanel");
    await signOut(page);
  });
  await journey.step("nia may open nothing", async () => {
    await visit(page, journey.told.console);
    await signIn(page, "nia");
    await says(page, "h1", "Nothing is open to you yet");
    await journey.picture(page, "nothing-open");
  });
});
