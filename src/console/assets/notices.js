// What the gateway tells about what happened behind the frame, into which the console cannot look.

import { readProblem } from "./api.js";

/** @typedef {import("./api.js").Problem} Problem */

/**
 * Listens while the page can be seen: a browser opens few connections to one place over HTTP/1.1.
 * @param {string} path
 * @param {(server: string, service: string, problem: Problem) => void} told
 */
export function listen(path, told) {
  /** @type {EventSource | null} */
  let source = null;
  const follow = () => {
    source?.close();
    source = document.visibilityState === "visible" ? new EventSource(path) : null;
    source?.addEventListener("message", ({ data }) => {
      const { server, service, problem } = JSON.parse(data);
      const known = readProblem(problem);
      if (known) told(server, service, known);
    });
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
