//! One line of the server list: something that a person may open.

use std::cmp::Ordering;

use crate::model::Account;
use crate::model::ServerId;
use crate::model::Service;

/// A service of a server, and the account it is opened as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The server.
    pub server: ServerId,
    /// The name that people know it by.
    pub server_name: String,
    /// The service.
    pub service: Service,
    /// The account to open it as.
    pub account: Account,
    /// What is wrong with the server, in a few words of the program.
    pub trouble: Option<&'static str>,
}

impl Entry {
    /// The entry in a few words: "web1 WHM as root".
    pub fn title(&self) -> String {
        format!("{} {} as {}", self.server, self.service.title(), self.account)
    }

    /// The order of the list: by name as people count ("web 2" before "web 10"), then id, service, account.
    pub(in crate::console) fn list_order(&self, other: &Self) -> Ordering {
        natural(&self.server_name, &other.server_name)
            .then_with(|| natural(self.server.as_str(), other.server.as_str()))
            .then_with(|| self.server.cmp(&other.server))
            .then_with(|| self.service.cmp(&other.service))
            .then_with(|| self.account.cmp(&other.account))
    }

    #[cfg(test)]
    pub(in crate::console) fn for_test(server: &str, name: &str, service: Service, account: &str) -> Self {
        Self {
            server: server.parse().unwrap(),
            server_name: name.into(),
            service,
            account: account.parse().unwrap(),
            trouble: None,
        }
    }
}

/// Compares two names without regard to case, and runs of digits by their value.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let (a, rest_a) = piece(left);
        let (b, rest_b) = piece(right);
        let order = match (a, b) {
            (Piece::Number(a), Piece::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Piece::Letter(a), Piece::Letter(b)) => a.to_lowercase().cmp(b.to_lowercase()),
            (a, b) => a.rank().cmp(&b.rank()),
        };
        if order != Ordering::Equal || matches!(a, Piece::End) {
            return order;
        }
        (left, right) = (rest_a, rest_b);
    }
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    End,
    /// Digits without leading zeros: of two, the longer is the greater.
    Number(&'a str),
    Letter(char),
}

impl Piece<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::End => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
        }
    }
}

fn piece(text: &str) -> (Piece<'_>, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if let (run @ [_, ..], Some(rest)) = (text.as_bytes().get(..digits).unwrap_or_default(), text.get(digits..)) {
        let run = str::from_utf8(run).unwrap_or_default();
        return (Piece::Number(run.trim_start_matches('0')), rest);
    }
    let mut chars = text.chars();
    match chars.next() {
        Some(letter) => (Piece::Letter(letter), chars.as_str()),
        None => (Piece::End, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names = ["web10", "Web2", "web1", "alpha", "web", "web02b", "web2", "9", "10", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "9", "10", "alpha", "web", "web1", "Web2", "web2", "web02b", "web10"]);
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a-c0-9é]{0,6}", b in "[a-c0-9é]{0,6}", c in "[a-c0-9é]{0,6}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
