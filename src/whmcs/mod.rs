//! WHMCS, for those who come from its "WHMCS Connect": what it knows of servers and of who may open them, made into
//! a directory, and what of it no directory can say.
//!
//! It is read in one of two ways. Its database knows everything that matters; an operator puts [`QUERY`] to it with
//! the database's own client, and [`read`] takes what the client prints. So no gateway has a database driver for
//! something that is done once, and no password and no access hash leaves the database: the query does not ask for
//! them. Its API ([`servers`]) knows names and addresses alone.
//!
//! [`carry`] decides what goes into the directory; [`directory`] and [`reach`] write it down.

mod api;
mod carry;
mod database;
mod document;
mod error;
mod found;
mod naming;
mod note;

pub use api::Credentials;
pub use api::servers;
pub use carry::Carried;
pub use carry::CarriedRole;
pub use carry::CarriedServer;
pub use carry::Wish;
pub use carry::carry;
pub use database::LARGEST_ANSWER;
pub use database::QUERY;
pub use database::read;
pub use document::directory;
pub use document::reach;
pub use error::WhmcsError;
pub use found::Found;
pub use found::FoundServer;
pub use found::Role;
pub use note::Note;
pub use note::NoteKind;
