// The entries opened last on this browser: their ids only, newest first, until somebody signs out.

const KEY = "panelgate.recent";
const KEPT = 6;

/**
 * Keys of the entries opened last. Storage may be blocked or hold anything; then there are none.
 * @returns {string[]}
 */
export function recentKeys() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((key) => typeof key === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

/**
 * Puts a key in front.
 * @param {string} key
 */
export function remember(key) {
  const keys = [key, ...recentKeys().filter((kept) => kept !== key)].slice(0, KEPT);
  try {
    localStorage.setItem(KEY, JSON.stringify(keys));
  } catch {
    // Without storage the list just has no recent part.
  }
}

/** Whoever sits here next learns nothing. */
export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Without storage there is nothing to forget.
  }
}
