// "Copy the message" on the page for somebody who may open nothing.

import { byId } from "./dom.js";

const message = byId("message", HTMLTextAreaElement);
const copied = byId("copied", HTMLElement);

byId("copy", HTMLElement).addEventListener("click", async () => {
  message.select();
  try {
    await navigator.clipboard.writeText(message.value);
    copied.textContent = "Copied";
  } catch {
    // The browser may forbid it; the text is selected, so the keyboard can.
    copied.textContent = "Selected: press Ctrl+C or ⌘C";
  }
});
