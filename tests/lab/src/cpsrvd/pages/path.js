// Who am I? The rules by which the vendor's published client library derives a page's identity from its
// address, in our own words (docs/cpsrvd.md 5.2).
"use strict";

const NAMES = new Map([["whm.", "whostmgr"], ["cpanel.", "cpanel"], ["webmail.", "webmail"]]);
const PORTS = new Map([["80", "other"], ["443", "other"], ["2082", "cpanel"], ["2083", "cpanel"],
  ["2086", "whostmgr"], ["2087", "whostmgr"], ["2095", "webmail"], ["2096", "webmail"]]);
const WORDS = new Map([["frontend", "cpanel"], ["webmail", "webmail"]]);

/** Which application a page at this address belongs to. */
function application(host, port, word) {
  for (const [prefix, name] of NAMES) {
    if (host.startsWith(prefix)) return name;
  }
  return PORTS.get(port) ?? WORDS.get(word) ?? "other";
}

/** Everything that a page derives from its address. */
function identity({ protocol, hostname, port: given, pathname }) {
  const port = given || (protocol === "https:" ? "443" : "80");
  // The token is optional in this expression, so a prefix in front of it makes it match nothing.
  const [, token, word] = /((?:\/cpsess\d+)?)(?:\/([^/]+))?/.exec(pathname) ?? [];
  const app = application(hostname, port, word);
  const folders = { cpanel: "frontend", webmail: "webmail" };
  const theme = folders[app] ? pathname.split("/")[3] ?? "" : "";
  const root = app === "other" ? "/"
    : folders[app] ? `${token}/${folders[app]}/${theme}/`
    : `${token}/`;
  const fullPath = `${protocol}//${hostname}:${port}${root}`;
  return { app, token: token ?? "", theme, fullPath };
}

const me = identity(location);
for (const [id, value] of [["app", me.app], ["token", me.token], ["theme", me.theme], ["full-path", me.fullPath]]) {
  const field = document.getElementById(id);
  field.textContent = value;
  field.dataset.value = value;
}
document.getElementById("link-full-path").href = me.fullPath;
