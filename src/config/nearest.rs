//! The word that was probably meant.

/// Longer words are compared with nothing: they are no slip of the finger.
const MAX_CHARS: usize = 64;

/// The candidate that is nearest to a word, if one is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().take(MAX_CHARS + 1).count();
    if length > MAX_CHARS {
        return None;
    }
    let tolerance = (length / 3).max(1);
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= tolerance)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, _)| *far <= tolerance)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, remove, replace or swap with a neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, letter) in a.chars().enumerate() {
        let mut current = Vec::with_capacity(b.len() + 1);
        let mut left = row + 1;
        current.push(left);
        let mut previous_b = None;
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column) + usize::from(letter != *other);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(left + 1);
            if previous_a == Some(*other) && previous_b == Some(letter) {
                // Both letters stand in each other's place, so there are two lines and columns to go back.
                best = best.min(at(&before_last, column.saturating_sub(1)).saturating_add(1));
            }
            current.push(best);
            left = best;
            previous_b = Some(*other);
        }
        before_last = std::mem::replace(&mut last, current);
        previous_a = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distances_known_by_hand() {
        for (a, b, far) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("origin", "orgin", 1),
            ("issuer", "isseur", 1),
            ("web1", "web2", 1),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn only_what_is_near_is_offered() {
        let keys = ["issuer", "client_id", "client_secret", "scopes"];
        assert_eq!(nearest("isuer", keys), Some("issuer"));
        assert_eq!(nearest("Client_ID", keys), Some("client_id"));
        assert_eq!(nearest("client_secert", keys), Some("client_secret"));
        assert_eq!(nearest("banana", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest(&"issuer".repeat(1000), keys), None);
        // Of two that are equally near, always the same one.
        assert_eq!(nearest("web3", ["web2", "web1"]), Some("web1"));
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_zero_only_for_the_same(a in "[abc]{0,6}", b in "[abc]{0,6}") {
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
        }
    }
}
