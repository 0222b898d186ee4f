//! The fleet's keys: enrolling servers, changing their API tokens, and what is to be recorded of both.
//!
//! Commands and the serving gateway work on the same store. What is done is first noted there, sealed, and the
//! gateway writes it into the audit log.

mod assess;
mod notes;
mod rotate;

pub use assess::Assessment;
pub use assess::MANAGE;
pub use assess::OPEN;
pub use assess::assess;
pub use assess::proper_privileges;
pub use notes::Act;
pub use notes::Note;
pub use notes::NoteError;
pub use notes::Noted;
pub use notes::Notes;
pub use rotate::NewToken;
pub use rotate::RotateError;
pub use rotate::Rotated;
pub use rotate::Rotator;
