//! How the program ends.

use std::process::ExitCode;

/// The exit codes: answers from 0, failures after `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: what was asked for is done; the answer is yes.
    Done,
    /// 1: the answer is no, or less: denied, access only narrowed, a test failed.
    No,
    /// 2: access widened.
    Widened,
    /// 3: told to stop a second time, so that what was open was dropped.
    Dropped,
    /// 64 (`EX_USAGE`): the arguments are wrong.
    Usage,
    /// 70 (`EX_SOFTWARE`): it failed for a reason of its own.
    Software,
    /// 78 (`EX_CONFIG`): the configuration has problems, and all of them have been shown.
    Config,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Widened => 2,
            Self::Dropped => 3,
            Self::Usage => 64,
            Self::Software => 70,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
