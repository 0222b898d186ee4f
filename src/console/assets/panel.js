// Runs first in every page of a panel, before the page's own scripts. It catches what leads out of the page
// and could not be rewritten on the way, because a script built it: addresses with the server's own names
// and ports get our origins, those of other sites go through our page that says where they lead, and
// `_top` and `_parent` mean the panel's outermost page and not the console's window.

{
  const { names = "", whm, cpanel, webmail } = document.currentScript?.dataset ?? {};
  /** The services behind the ports, with TLS and without. @type {Record<string, string>} */
  const services = {
    2086: "whostmgrd", 2087: "whostmgrd", 2082: "cpaneld", 2083: "cpaneld", 2095: "webmaild", 2096: "webmaild",
  };
  /** @type {Record<string, string | undefined>} */
  const origins = { whostmgrd: whm, cpaneld: cpanel, webmaild: webmail };
  // Scripts also put a port behind the name that they see themselves at, which is ours.
  const hosts = new Set([...names.split(" "), location.hostname]);
  const leaves = /^_(top|parent)$/i;
  const submit = HTMLFormElement.prototype.submit;

  /**
   * The address on our side of an address of the server; nothing if it is fine as it is.
   * @param {string | null | undefined} address
   * @returns {string | null}
   */
  const mapped = (address) => {
    if (!address || !URL.canParse(address, document.baseURI)) return null;
    const url = new URL(address, document.baseURI);
    const service = /^https?:$/.test(url.protocol) && hosts.has(url.hostname) ? services[Number(url.port)] : undefined;
    const origin = service && origins[service];
    if (!origin) return null;
    // A session that the server has made for going on to another account: the gateway makes one itself.
    if (/^\/cpsess\d+\/login\/?$/.test(url.pathname)) {
      const user = url.searchParams.get("session")?.split(":")[0];
      return `${location.origin}/.panelgate/hop/${service}${user ? `?account=${encodeURIComponent(user)}` : ""}`;
    }
    return origin === url.origin ? null : origin + url.pathname + url.search + url.hash;
  };

  /**
   * The same for what is to be shown in this window or one around it. A foreign site may not take its place,
   * and another service of the server opens in the console's frame and not in a frame within a panel.
   * @param {string | null | undefined} address
   * @param {boolean} stays
   */
  const caught = (address, stays) => {
    const own = mapped(address);
    if (!stays || !address || !URL.canParse(own ?? address, document.baseURI)) return own;
    const url = new URL(own ?? address, document.baseURI);
    if (!/^https?:$/.test(url.protocol) || url.origin === location.origin) return own;
    const service = Object.keys(origins).find((name) => origins[name] === url.origin);
    if (service) return window.parent === window ? own : `${location.origin}/.panelgate/hop/${service}`;
    return `${location.origin}/.panelgate/leave?to=${encodeURIComponent(url.href)}`;
  };

  /** The panel's outermost page: the last one around this that is of its origin. @returns {Window} */
  const outermost = () => {
    /** @type {Window} */
    let outer = window;
    try {
      while (outer.parent !== outer && outer.parent.document) outer = outer.parent;
    } catch {
      // The next one is the console.
    }
    return outer;
  };

  /**
   * Where an element's address is to be shown, as the page wrote it.
   * @param {Element | null | undefined} element
   * @param {string} name
   */
  const targetOf = (element, name) => {
    const kept = `data-panelgate-${name}`;
    const written = element?.getAttribute(kept) ?? element?.getAttribute(name);
    if (written || name !== "target") return written ?? "";
    const base = document.querySelector(`base[${kept}], base[target]`);
    return base?.getAttribute(kept) ?? base?.getAttribute("target") ?? "";
  };

  /** @param {string} target */
  const isHere = (target) => target === "" || /^_self$/i.test(target) || leaves.test(target);

  /** The page whose window a `_top` or `_parent` means, if it is another one than this. @param {string} target */
  const around = (target) => {
    if (!leaves.test(target)) return null;
    const outer = outermost();
    return outer === window ? null : outer.document;
  };

  /**
   * Goes somewhere in the window of a page around this one: the sandbox lets only that page do it.
   * @param {Document} page
   * @param {string} address
   */
  const goIn = (page, address) => {
    const link = page.createElement("a");
    link.href = address;
    link.click();
  };

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} submitter
   * @returns {boolean} whether it was submitted in a page around this one
   */
  const submitAround = (form, submitter) => {
    const page = around((submitter && targetOf(submitter, "formtarget")) || targetOf(form, "target"));
    const fields = [...new FormData(form, submitter)];
    // A file cannot be put into a form by a script; such a form stays where it is.
    if (!page || fields.some(([, value]) => typeof value !== "string")) return false;
    const copy = page.createElement("form");
    copy.hidden = true;
    copy.method = submitter?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get";
    copy.action = new URL(submitter?.getAttribute("formaction") || form.getAttribute("action") || location.href, document.baseURI).href;
    for (const [name, value] of fields) {
      const field = page.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = String(value);
      copy.append(field);
    }
    page.body.append(copy);
    submit.call(copy);
    copy.remove();
    return true;
  };

  /** @param {HTMLFormElement} form @param {HTMLElement | null} submitter */
  const mapForm = (form, submitter) => {
    const action = mapped(form.getAttribute("action"));
    if (action) form.setAttribute("action", action);
    const other = mapped(submitter?.getAttribute("formaction"));
    if (other) submitter?.setAttribute("formaction", other);
  };

  /** @param {Event} event */
  const linkOf = (event) => {
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement || node instanceof HTMLAreaElement);
    return link?.hasAttribute("href") ? link : null;
  };

  /** Before the page's own scripts hear of it: the address is put right. @param {Event} event */
  const putRight = (event) => {
    const link = linkOf(event);
    const plain = event instanceof MouseEvent && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const to = link && caught(link.href, plain && isHere(targetOf(link, "target")));
    if (to) link.href = to;
  };
  addEventListener("click", putRight, true);
  addEventListener("auxclick", putRight, true);
  addEventListener("submit", (event) => {
    if (event.target instanceof HTMLFormElement) mapForm(event.target, event.submitter);
  }, true);

  // After them: what they left to the browser and is meant for a page around this one.
  addEventListener("click", (event) => {
    const link = linkOf(event);
    const page = link && around(targetOf(link, "target"));
    if (!page || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || link.hasAttribute("download")) return;
    event.preventDefault();
    goIn(page, link.href);
  });
  addEventListener("submit", (event) => {
    if (event.defaultPrevented || !(event.target instanceof HTMLFormElement)) return;
    if (submitAround(event.target, event.submitter)) event.preventDefault();
  });

  // A script's own `submit()` tells nobody.
  HTMLFormElement.prototype.submit = function () {
    mapForm(this, null);
    if (this.ownerDocument !== document || !submitAround(this, null)) submit.call(this);
  };
  const open = window.open;
  /** @type {typeof window.open} */
  window.open = function (url, target, features) {
    const written = url === undefined ? "" : String(url);
    const to = caught(written, isHere(target ?? "_blank")) ?? written;
    const page = around(target ?? "");
    if (!page) return open.call(window, to, target, features);
    goIn(page, new URL(to, document.baseURI).href);
    return page.defaultView;
  };

  // Where the browser tells of every way out (Navigation API), those of scripts are caught too.
  /** @typedef {Event & { destination: { url: string }, formData: FormData | null, downloadRequest: string | null }} Leaving */
  /** @type {EventTarget | undefined} */ (Reflect.get(window, "navigation"))?.addEventListener("navigate", (event) => {
    const { destination, formData, downloadRequest } = /** @type {Leaving} */ (event);
    if (!event.cancelable || formData || downloadRequest !== null) return;
    const to = caught(destination.url, true);
    if (!to) return;
    event.preventDefault();
    location.assign(to);
  });
}
