// The end of a sign-in in a window of its own: the other tabs hear of it, and the window closes.

import { tellSignedIn } from "./tabs.js";

tellSignedIn();
window.close();
