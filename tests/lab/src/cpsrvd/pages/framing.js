// Refuses to be framed: hides the page and takes over the top window.
"use strict";
if (top !== self) {
  document.body.style.display = "none";
  document.body.dataset.framed = "true";
  top.location.href = self.location.href;
} else {
  document.body.dataset.framed = "false";
}
