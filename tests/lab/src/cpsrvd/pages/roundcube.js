// Sets a cookie that script may set, and asks the server whether it and the session cookie come back.
"use strict";
const status = document.getElementById("roundcube-status");
document.cookie = "roundcube_cookies=enabled; path=/; secure";
fetch("?_task=mail&_action=check")
  .then((answer) => answer.json())
  .then((answer) => {
    status.dataset.state = answer.session ? (answer.cookies ? "ok" : "no-cookie") : "no-session";
    status.textContent = status.dataset.state;
  })
  .catch(() => { status.dataset.state = "failed"; });
