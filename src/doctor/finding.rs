//! What was found: where, how bad, and what to do about it.

use std::fmt::Display;

use serde::Serialize;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Our names in DNS.
    Names,
    /// Our certificates.
    Certificates,
    /// A provider that people sign in with.
    Provider,
    /// Where the state is.
    Store,
    /// Where the records go.
    Audit,
    /// An address that a gateway listens on.
    Port,
    /// What the operating system allows.
    Machine,
    /// A server of the directory.
    Server,
}

impl Part {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Certificates => "certificates",
            Self::Provider => "provider",
            Self::Store => "store",
            Self::Audit => "audit",
            Self::Port => "port",
            Self::Machine => "machine",
            Self::Server => "server",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Well,
    /// People can work, and yet somebody should look.
    Remark,
    /// Something does not work.
    Wrong,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub part: Part,
    /// Which one of them.
    pub about: String,
    /// How bad it is.
    pub state: State,
    /// What was found.
    pub says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn well(part: Part, about: impl Display, says: impl Into<String>) -> Self {
        Self { part, about: about.to_string(), state: State::Well, says: says.into(), advice: None }
    }

    /// Worth a look.
    pub(super) fn remark(part: Part, about: impl Display, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Remark, advice: Some(advice.into()), ..Self::well(part, about, says) }
    }

    /// Does not work.
    pub(super) fn wrong(part: Part, about: impl Display, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Wrong, advice: Some(advice.into()), ..Self::well(part, about, says) }
    }
}

/// Some of many names: the first few, and how many there are besides.
pub(super) fn some_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<&str> = names.into_iter().collect();
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_a_few_are_shown() {
        assert_eq!(some_of(["a"]), "a");
        assert_eq!(some_of(["a", "b", "c"]), "a, b, c");
        assert_eq!(some_of(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
