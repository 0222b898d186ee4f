// What can be opened: a service of a server, as an account.

/** @typedef {{ server: string, service: string, account: string }} Entry */

/** @type {Record<string, string>} */
const SERVICE_TITLES = { whostmgrd: "WHM", cpaneld: "cPanel", webmaild: "Webmail" };

/**
 * @param {string} service
 * @returns {string}
 */
export function serviceTitle(service) {
  return SERVICE_TITLES[service] ?? service;
}

/**
 * The entry in a few words: "web1 WHM as root".
 * @param {Entry} entry
 */
export function titleOf(entry) {
  return `${entry.server} ${serviceTitle(entry.service)} as ${entry.account}`;
}

/**
 * The entry as one text, which is also the last three segments of its address.
 * @param {Entry} entry
 */
export function keyOf(entry) {
  return `${entry.server}/${entry.service}/${entry.account}`;
}

/**
 * The address of the entry on the console origin.
 * @param {Entry} entry
 */
export function pathOf(entry) {
  return `/s/${keyOf(entry)}`;
}

/**
 * @param {Entry | null | undefined} left
 * @param {Entry | null | undefined} right
 */
export function isSame(left, right) {
  return Boolean(left && right && keyOf(left) === keyOf(right));
}

/**
 * The entry in a bag of strings, such as an element's data attributes or a state of the history.
 * @param {unknown} bag
 * @returns {Entry | null}
 */
export function readEntry(bag) {
  if (typeof bag !== "object" || bag === null) return null;
  const { server, service, account } = /** @type {Record<string, unknown>} */ (bag);
  if (typeof server !== "string" || typeof service !== "string" || typeof account !== "string") return null;
  return { server, service, account };
}
