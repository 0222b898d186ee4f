// Sends a form as soon as the page is there.
"use strict";
document.getElementById(document.currentScript.dataset.form).submit();
