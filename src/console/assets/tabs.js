// What the tabs of one browser tell each other: that somebody has signed in, and that one of them is at it.
// Only the browser knows which tabs are its own, so they agree here and not at the gateway.

const NAME = "panelgate.signing-in";

/** How long a tab that has gone to sign in is waited for. */
const PATIENCE_MS = 180_000;

const channel = "BroadcastChannel" in window ? new BroadcastChannel("panelgate") : null;

/** Tells the others that somebody is signed in. */
export function tellSignedIn() {
  try {
    localStorage.removeItem(NAME);
  } catch {
    // Without storage nobody was waited for.
  }
  channel?.postMessage("signed-in");
}

/** @param {() => unknown} act when somebody has signed in in another tab */
export function onSignedIn(act) {
  channel?.addEventListener("message", ({ data }) => data === "signed-in" && act());
}

/**
 * Whether this is the tab that signs in. The lock is held until the page is left: by then the others can see
 * what stands in the storage, which reaches them with a delay.
 * @returns {Promise<boolean>}
 */
export function takeTurn() {
  return new Promise((resolve) => {
    const alone = () => resolve(true);
    if (!("locks" in navigator)) return alone();
    const take = navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
      const turn = lock && nextTurn();
      resolve(Boolean(turn));
      return turn ? new Promise(() => {}) : undefined;
    });
    // Without storage nobody can be waited for, and signing in says what is blocked.
    take.catch(alone);
  });
}

/** Notes that it is this tab's turn, unless another one's is on. */
function nextTurn() {
  const taken = localStorage.getItem(NAME);
  const age = Date.now() - Number(taken?.split(" ")[0]);
  if (taken && age >= 0 && age < PATIENCE_MS && taken !== sessionStorage.getItem(NAME)) return false;
  const turn = `${Date.now()} ${Math.random()}`;
  localStorage.setItem(NAME, turn);
  sessionStorage.setItem(NAME, turn);
  return true;
}
