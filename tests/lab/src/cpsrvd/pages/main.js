// Polls the load as WHM's own start page does.
"use strict";
const token = document.currentScript.dataset.token;
const load = document.getElementById("load");
fetch(`${token}/json-api/loadavg`)
  .then((answer) => answer.json())
  .then((answer) => { load.textContent = `${answer.one} ${answer.five} ${answer.fifteen}`; load.dataset.state = "ok"; })
  .catch(() => { load.textContent = "Your login session has expired"; load.dataset.state = "expired"; });
