// What the gateway tells: what happened behind the frame, into which the console cannot look, and that the
// list of servers is another.

import { readProblem } from "./api.js";

/** @typedef {import("./api.js").Problem} Problem */

/**
 * Listens while the page can be seen: a browser opens few connections to one place over HTTP/1.1.
 * @param {string} path
 * @param {(server: string, service: string, problem: Problem) => void} told
 * @param {() => string} mark of the list that the page has
 * @param {() => void} listChanged
 */
export function listen(path, told, mark, listChanged) {
  /** @type {EventSource | null} */
  let source = null;
  const follow = () => {
    source?.close();
    source = document.visibilityState === "visible" ? new EventSource(`${path}?list=${mark()}`) : null;
    source?.addEventListener("list", listChanged);
    source?.addEventListener("message", ({ data }) => {
      const { server, service, problem } = JSON.parse(data);
      const known = readProblem(problem);
      if (known) told(server, service, known);
    });
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
