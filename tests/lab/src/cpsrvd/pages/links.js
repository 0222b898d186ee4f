// The links that no rewriting of HTML can reach.
"use strict";
const built = document.getElementById("link-js-built");
built.href = `${location.protocol}//${location.hostname}:2083/`;
const out = document.getElementById("json-url");
fetch(document.currentScript.dataset.json)
  .then((answer) => answer.json())
  .then((answer) => { out.textContent = answer.url; out.dataset.state = "ok"; })
  .catch(() => { out.dataset.state = "failed"; });
