// In front of a sign-in: the tab that somebody looks at goes on to it, the others wait for that.

import { byId } from "./dom.js";
import { onSignedIn, takeTurn } from "./tabs.js";

const link = byId("sign-in", HTMLAnchorElement);

async function isSignedIn() {
  try {
    const answer = await fetch(link.dataset.session ?? "", { redirect: "error", cache: "no-store" });
    return answer.status === 204;
  } catch {
    // Offline: the next look will tell.
    return false;
  }
}

async function look() {
  // The address is that of the page that was wanted.
  if (await isSignedIn()) location.reload();
  else if (document.visibilityState === "visible" && (await takeTurn())) location.replace(link.href);
  else byId("waiting", HTMLElement).hidden = false;
}

onSignedIn(look);
document.addEventListener("visibilitychange", look);
void look();
