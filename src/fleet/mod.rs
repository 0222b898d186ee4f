//! The fleet's keys: enrolling servers, changing their API tokens, watching how the servers are, and what is to be
//! recorded of all that.
//!
//! Commands and the serving gateway work on the same store. What is done is first noted there, sealed, and the
//! gateway writes it into the audit log.

mod advisories;
mod assess;
mod condition;
mod conditions;
mod look;
mod lookout;
mod notes;
mod rotate;
mod trouble;

pub use advisories::Advisories;
pub use advisories::Advisory;
pub use advisories::AdvisoryError;
pub use assess::Assessment;
pub use assess::MANAGE;
pub use assess::OPEN;
pub use assess::assess;
pub use assess::proper_privileges;
pub use condition::Condition;
pub use condition::Setting;
pub use condition::entry_mark;
pub use conditions::ConditionError;
pub use conditions::Conditions;
pub use conditions::Turn;
pub use lookout::Lookout;
pub use lookout::LookoutError;
pub use notes::Act;
pub use notes::Note;
pub use notes::NoteError;
pub use notes::Noted;
pub use notes::Notes;
pub use rotate::NewToken;
pub use rotate::RotateError;
pub use rotate::Rotated;
pub use rotate::Rotator;
pub use trouble::Trouble;
