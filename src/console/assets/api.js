// What the console asks of the gateway, and every way in which the answer can come.

/** @typedef {import("./entry.js").Entry} Entry */
/** @typedef {{ code: string, title: string, what: string, todo: string, reference: string }} Problem */
/**
 * @typedef {{ kind: "opened", frame: URL, title: string }
 *   | { kind: "signed-out", signIn: string }
 *   | { kind: "other-person", problem: Problem }
 *   | { kind: "failed", problem: Problem, denied?: boolean, stepUp?: string }} Answer
 */
/** @typedef {Exclude<Answer, { kind: "opened" } | { kind: "failed" }> | { kind: "lives" | "unknown" }} SessionState */

/** @type {Problem} */
const NO_ANSWER = {
  code: "network",
  title: "Panelgate did not answer",
  what: "The request never got there, or its answer never came back. Most often that is the network on this side.",
  todo: "Check your connection and VPN, then try again.",
  reference: "",
};

/** @type {Problem} */
const STRANGE_ANSWER = {
  code: "unexpected",
  title: "Something else answered",
  what: "The answer was not one of Panelgate's. A proxy on the way, or a gateway that is just being updated, can do that.",
  todo: "Try again in a moment. If it stays, reload this page.",
  reference: "",
};

/** Says whose page this is: in another tab, somebody else may have signed in since. */
const person = { "Panelgate-Person": document.body.dataset.person ?? "" };

/**
 * Asks for a panel to be opened. Rejects only when `signal` is aborted.
 * @param {string} path
 * @param {Entry} entry
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function requestPanel(path, entry, signal) {
  const { server, service, account } = entry;
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    response = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...person },
      body: JSON.stringify({ server, service, account }),
      signal,
    });
    text = await response.text();
  } catch (cause) {
    if (signal.aborted) throw cause;
    return { kind: "failed", problem: NO_ANSWER };
  }
  return readAnswer(response, text) ?? { kind: "failed", problem: STRANGE_ANSWER };
}

/**
 * What is known of the session. What cannot be asked is unknown, and counts as nothing new.
 * @param {string} path
 * @returns {Promise<SessionState>}
 */
export async function sessionState(path) {
  try {
    const response = await fetch(path, { credentials: "same-origin", redirect: "error", cache: "no-store", headers: person });
    if (response.ok) return { kind: "lives" };
    const answer = readAnswer(response, await response.text());
    return answer?.kind === "signed-out" || answer?.kind === "other-person" ? answer : { kind: "unknown" };
  } catch {
    // Offline is not signed out; the next request that matters will say so itself.
    return { kind: "unknown" };
  }
}

/**
 * @param {Response} response
 * @param {string} body
 * @returns {Answer | null}
 */
function readAnswer(response, body) {
  const answer = parse(body);
  if (response.ok) {
    const frame = URL.canParse(text(answer.frame)) ? new URL(text(answer.frame)) : null;
    if (!frame || !/^https?:$/.test(frame.protocol) || frame.origin === location.origin) return null;
    return { kind: "opened", frame, title: text(answer.title) };
  }
  const problem = readProblem(answer.problem);
  if (problem && response.status === 401) return { kind: "signed-out", signIn: text(answer.sign_in) };
  if (problem?.code === "other_person") return { kind: "other-person", problem };
  return problem && { kind: "failed", problem, denied: response.status === 403, stepUp: text(answer.step_up) };
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : "");

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function parse(text) {
  try {
    return bagOf(JSON.parse(text));
  } catch {
    return {};
  }
}

/** @param {unknown} value */
const bagOf = (value) => /** @type {Record<string, unknown>} */ (Object(value));

/**
 * @param {unknown} value
 * @returns {Problem | null}
 */
export function readProblem(value) {
  const bag = bagOf(value);
  if (!text(bag.title)) return null;
  const [code, title, what, todo, reference] = ["code", "title", "what", "todo", "reference"].map((key) => text(bag[key]));
  return /** @type {Problem} */ ({ code, title, what, todo, reference });
}

/**
 * The list of servers as it is now; nothing if it cannot be had. The browser makes elements of it, which no
 * script of ours does with a text.
 * @param {string} path
 * @returns {Promise<Document | null>}
 */
export function freshList(path) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.addEventListener("loadend", () => resolve(request.status === 200 ? request.responseXML : null));
    request.open("GET", path);
    for (const [name, value] of Object.entries(person)) request.setRequestHeader(name, value);
    request.responseType = "document";
    request.send();
  });
}
