// Does not mind being framed.
"use strict";
document.body.dataset.framed = String(top !== self);
