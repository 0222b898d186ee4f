// A terminal: raw bytes in both directions.
"use strict";
const screen = document.getElementById("terminal");
const url = new URL(document.currentScript.dataset.url, location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(url);
socket.binaryType = "arraybuffer";
const decoder = new TextDecoder();
socket.onopen = () => { screen.dataset.state = "open"; };
socket.onmessage = ({ data }) => { screen.textContent += typeof data === "string" ? data : decoder.decode(data); };
socket.onclose = ({ code }) => { screen.dataset.state = "closed"; screen.dataset.code = code; };
document.getElementById("terminal-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = document.getElementById("terminal-input");
  socket.send(`${input.value}\r`);
  input.value = "";
});
