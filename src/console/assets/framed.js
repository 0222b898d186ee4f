// A page of ours in the place of a panel, or of a page in one: its buttons ask the console around all.

const { console: target = "", announce = "", service, account } = document.body.dataset;

/** @param {string | undefined} ask */
function tell(ask) {
  if (ask && window.top && window.top !== window) window.top.postMessage({ panelgate: ask, service, account }, target);
}

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => tell(button instanceof HTMLElement ? button.dataset.ask : undefined));
}
tell(announce);
