// The journey through the gateway with everything real but the servers. Started by `tests/browsers.rs`.

import * as admin from "./admin.js";
import { signOut } from "./console.js";
import * as hops from "./hops.js";
import { Journey, visit } from "./journey.js";
import * as looks from "./looks.js";
import * as others from "./others.js";
import * as tools from "./tools.js";
import * as troubles from "./troubles.js";

await new Journey().run(async (journey) => {
  await journey.step("third-party cookies are blocked", () => admin.thirdPartyCookiesAreBlocked(journey));
  const page = await journey.tab();
  await journey.step("ada signs in", () => admin.signsIn(journey, page));
  await journey.step("ada opens a server with the keyboard", () => admin.opensWithTheKeyboard(journey, page));
  await journey.step("ada works in the panel", () => admin.worksInThePanel(journey, page));
  await journey.step("ada notices no restart", () => admin.noticesNoRestart(journey, page));
  await journey.step("ada loses no form", () => admin.losesNoForm(journey, page));
  await journey.step("the panel stays in its frame", () => admin.staysInItsFrame(page));
  await journey.step("ada moves between servers", () => admin.movesBetweenServers(journey, page));
  await journey.step("ada uses addresses and history", () => admin.usesAddressesAndHistory(journey));
  await journey.step("cookies are only ours", () => others.cookiesAreOnlyOurs(journey));
  await journey.step("each trouble is said and mended", () => troubles.eachIsSaidAndMended(journey, page));
  await journey.step("what is not permitted is said", () => troubles.whatIsNotPermittedIsSaid(journey, page));
  await journey.step("a server goes away meanwhile", () => troubles.aServerGoesAwayMeanwhile(journey, page));
  await journey.step("the session ends elsewhere", () => troubles.theSessionEndsElsewhere(journey, page));
  await journey.step("ada leaves a panel and comes back", () => troubles.leavesAPanelAndComesBack(journey, page));
  await journey.step("hops lead to customers", () => hops.leadToCustomers(journey, page));
  await journey.step("hops are refused", () => hops.areRefused(journey, page));
  await journey.step("links lead where they should", () => hops.leadWhereTheyShould(journey, page));
  await journey.step("ada signs out", async () => {
    await visit(page, journey.told.console);
    await signOut(page);
  });
  await journey.step("ada ends everything by hand", () => others.adaEndsEverythingByHand(journey, page));
  await journey.step("nia sees why there is nothing", () => others.niaSeesWhy(journey, page));
  await journey.step("sam sees only his own", () => others.samSeesOnlyHisOwn(journey, page));
  await journey.step("sam gains a server", () => others.samGainsAServer(journey, page));
  await journey.step("sam uses tools that resist", () => tools.areUsedInTheirPlace(journey, page));
  await journey.step("nothing private is left", () => others.nothingPrivateIsLeft(journey, page));
  await journey.step("nobody else was asked", () => others.nobodyElseWasAsked(journey));
  await journey.step("it can be read at twice the size, and in the dark", () => looks.largeAndDark(journey, page));
});
