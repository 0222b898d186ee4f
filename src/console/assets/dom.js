// Finding elements, with their types.

/**
 * The element with this id. The page is made together with its scripts, so it is there.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return found;
}

/**
 * The first element below `root` that a selector finds.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function within(root, selector) {
  const found = root.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`no ${selector}`);
  return found;
}

/** Whether this is an Apple keyboard, where Command takes the place of Control. */
export const isApple = /mac|iphone|ipad/i.test(navigator.platform);
