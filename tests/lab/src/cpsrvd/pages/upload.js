// Sends the form in the background and shows how many bytes arrived.
"use strict";
document.getElementById("upload-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const result = document.getElementById("upload-result");
  result.dataset.state = "sending";
  try {
    const answer = await fetch(event.target.action, { method: "POST", body: new FormData(event.target) });
    const { data } = await answer.json();
    result.textContent = `${data.bytes} bytes`;
    result.dataset.bytes = data.bytes;
    result.dataset.state = "done";
  } catch {
    result.textContent = "The upload failed.";
    result.dataset.state = "failed";
  }
});
