//! Random strings in the alphabets that cpsrvd uses.

/// `n` characters of `[A-Za-z0-9_]`: the random part of a session name.
pub(super) fn word(n: usize) -> String {
    of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", n)
}

/// `n` characters of `[A-Z0-9]`: the secret of an API token.
pub(super) fn capitals(n: usize) -> String {
    of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", n)
}

/// `n` characters of `[a-z0-9]`: the XID of a failure.
pub(super) fn small(n: usize) -> String {
    of(b"abcdefghijklmnopqrstuvwxyz0123456789", n)
}

/// `n` hexadecimal digits.
pub(super) fn hex(n: usize) -> String {
    of(b"0123456789abcdef", n)
}

/// `n` digits, the first one not 0.
pub(super) fn digits(n: usize) -> String {
    let mut digits = of(b"123456789", 1);
    digits.push_str(&of(b"0123456789", n.saturating_sub(1)));
    digits
}

/// The alphabets have at most 63 letters, so the bias of the remainder does not matter in a double.
fn of(alphabet: &[u8], n: usize) -> String {
    let mut bytes = vec![0; n];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        // The library documents that this does not happen; equal strings would fail every test at once.
        bytes.fill(0);
    }
    bytes
        .into_iter()
        .filter_map(|byte| alphabet.get(usize::from(byte) % alphabet.len()))
        .map(|&letter| char::from(letter))
        .collect()
}
