//! Rights over Panelgate itself, beside those to open servers.

use std::fmt;

/// What a role group may do with Panelgate itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// To ask who may open what.
    ReviewAccess,
    /// To see and end other people's sessions.
    EndSessions,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ReviewAccess, Self::EndSessions];

    /// The name in the directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReviewAccess => "review_access",
            Self::EndSessions => "end_sessions",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
