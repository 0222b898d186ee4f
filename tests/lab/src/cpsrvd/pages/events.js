// Lists server-sent events as they come.
"use strict";
const list = document.getElementById("event-list");
const source = new EventSource(document.currentScript.dataset.url);
source.onopen = () => { list.dataset.state = "open"; };
source.onmessage = ({ data, lastEventId }) => {
  const item = document.createElement("li");
  item.textContent = data;
  item.dataset.id = lastEventId;
  list.append(item);
};
source.addEventListener("end", () => { source.close(); list.dataset.state = "ended"; });
