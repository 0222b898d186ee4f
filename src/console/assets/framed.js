// A page of ours in the place of a panel: its buttons ask the console around it.

const { console: target = "", announce = "" } = document.body.dataset;

/** @param {string | undefined} ask */
function tell(ask) {
  if (ask && window.parent !== window) window.parent.postMessage({ panelgate: ask }, target);
}

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => tell(button instanceof HTMLElement ? button.dataset.ask : undefined));
}
tell(announce);
