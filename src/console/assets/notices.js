// What the gateway tells: what happened behind the frame, into which the console cannot look, and that the
// list of servers is another.

import { readProblem } from "./api.js";

/** @typedef {import("./api.js").Problem} Problem */
/**
 * What is heard.
 * @typedef {object} Heard
 * @property {(server: string, service: string, problem: Problem, stepUp: string) => void} told
 * @property {() => void} listChanged
 * @property {() => void} broken there may be nothing more to hear
 */

/**
 * Listens while the page can be seen: a browser opens few connections to one place over HTTP/1.1.
 * @param {string} path
 * @param {() => string} mark of the list that the page has
 * @param {Heard} heard
 * @returns {() => void} listens anew
 */
export function listen(path, mark, { told, listChanged, broken }) {
  /** @type {EventSource | null} */
  let source = null;
  const follow = () => {
    source?.close();
    source = document.visibilityState === "visible" ? new EventSource(`${path}?list=${mark()}`) : null;
    source?.addEventListener("list", listChanged);
    source?.addEventListener("message", ({ data }) => {
      const { server, service, problem, step_up: stepUp = "" } = JSON.parse(data);
      const known = readProblem(problem);
      if (known) told(server, service, known, stepUp);
    });
    source?.addEventListener("error", broken);
  };
  document.addEventListener("visibilitychange", follow);
  follow();
  return follow;
}
