//! The face of the product: pages, assets and JSON bodies of the console origin.
//!
//! Pure rendering. A page is a struct of what it shows; `render` turns it into a [`Rendered`]: the HTML
//! together with the one Content-Security-Policy that it was written for, so that neither is served
//! without the other. Nothing here reads a request, sets a cookie or decides anything.
//!
//! - `paths` names the addresses that pages link to, so that the router and the pages agree.
//! - `entry` is what a person may open; `person` is who they are; `problem` is what went wrong.
//! - `api` holds the JSON bodies that the scripts speak.
//! - `assets` holds the style sheet, the scripts and the mark, each under a name that changes with its bytes.
//! - `csp` builds the policies; there is no inline script or style anywhere, and no exception for one.
//! - `home`, `access`, `sessions`, `no_access`, `problem_page`, `signing_in`, `signed_out`, `entering`, `leave` and `own_tab` are the pages.
//!
//! Everything shown is escaped by the templates, and by `textContent` in the scripts: names of servers,
//! groups and people come from elsewhere and may hold anything.

mod access;
mod api;
mod csp;
mod entering;
mod entry;
mod gzip;
mod home;
mod hop;
mod leave;
mod no_access;
mod own_tab;
mod page;
mod person;
mod problem;
mod problem_page;
mod sessions;
mod signed_out;
mod signing_in;
#[cfg(test)]
mod tests;

pub mod assets;
pub mod paths;

pub use access::AccessPage;
pub use access::AccessRow;
pub use access::ServerAccess;
pub use api::Failed;
pub use api::OpenRequest;
pub use api::Opened;
pub use csp::FrameSource;
pub use entering::EnteringPage;
pub use entry::Entry;
pub use home::ConsolePage;
pub use home::list_mark;
pub use home::server_list;
pub use hop::HopPage;
pub use leave::LeavePage;
pub use no_access::NoAccess;
pub use no_access::NoAccessPage;
pub use own_tab::OwnTabPage;
pub use page::Rendered;
pub use page::SignInChoice;
pub use page::Site;
pub use person::Person;
pub use problem::Problem;
pub use problem_page::Action;
pub use problem_page::Ask;
pub use problem_page::ProblemPage;
pub use problem_page::Step;
pub use sessions::EndPage;
pub use sessions::EndTarget;
pub use sessions::Ended;
pub use sessions::SessionLine;
pub use sessions::SessionsPage;
pub use sessions::SignedInPerson;
pub use signed_out::SignInPage;
pub use signed_out::SignedOutPage;
pub use signing_in::GatePage;
pub use signing_in::SignedInPage;
