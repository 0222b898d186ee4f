//! The signed-in person, as pages show them.

use crate::identity::Principal;

/// Name and address of a person, for display only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address, if the provider sent one.
    pub email: Option<String>,
    /// Whether they may end other people's sessions.
    pub ends_sessions: bool,
}

impl Person {
    /// One or two letters that stand for the person in the bar.
    pub(in crate::console) fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
        let (first, last) = (words.next(), words.next_back());
        let letters: String = first.into_iter().chain(last).flat_map(char::to_uppercase).collect();
        if letters.is_empty() { "?".into() } else { letters }
    }
}

impl From<&Principal> for Person {
    fn from(principal: &Principal) -> Self {
        Self { name: principal.name().into(), email: principal.email().map(Into::into), ends_sessions: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_come_from_the_first_and_last_word() {
        for (name, initials) in [
            ("Ann Example", "AE"),
            ("ann", "A"),
            ("Ann van der Example", "AE"),
            ("(ann) élan", "AÉ"),
            ("", "?"),
            ("<b> !", "B"),
        ] {
            assert_eq!(Person { name: name.into(), email: None, ends_sessions: false }.initials(), initials, "{name}");
        }
    }
}
