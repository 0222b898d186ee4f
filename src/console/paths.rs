//! The addresses on the console origin that pages and scripts use.

use url::form_urlencoded;

use crate::console::entry::Entry;
use crate::model::Account;
use crate::model::ProviderId;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Target;

/// The console itself: the list of servers.
pub const HOME: &str = "/";
/// Begins a sign-in; takes `return_to`, a path on the console origin, and `provider`, the id of one.
pub const SIGN_IN: &str = "/sign-in";
/// Where each sign-in ends: takes `return_to`, and goes there if the browser has kept the cookie. Without it,
/// tells the other tabs and closes.
pub const SIGNED_IN: &str = "/signed-in";
/// Asks somebody who is signed in for a stronger sign-in; takes `server`, `service`, `account`, the panel whose
/// rule demands it, and `return_to`.
pub const STEP_UP: &str = "/step-up";
/// Ends the session; `POST` only.
pub const SIGN_OUT: &str = "/sign-out";
/// Says who may open what: everybody about themselves; with `server`, about that, for reviewers.
pub const ACCESS: &str = "/access";
/// Says who is signed in, to those who may end sessions; with `find`, only who fits.
pub const SESSIONS: &str = "/sessions";
/// Asks whether something is to end, and ends it: `POST` of the same fields.
pub const END: &str = "/sessions/end";
/// Opens a panel: `POST` of an [`OpenRequest`](crate::console::OpenRequest).
pub const OPEN: &str = "/api/open";
/// Says whether the session lives: `GET`, answered `204`, or `401` with a
/// [`Failed`](crate::console::Failed) that carries `sign_in`. The page asks when somebody comes back to it,
/// so the answer must not count as activity.
pub const SESSION: &str = "/api/session";
/// What happens behind the console's frame, as server-sent events, and that the list of servers is another: of the
/// one that the page has, `list` is the mark. Listening does not count as activity.
pub const NOTICES: &str = "/api/notices";
/// What the signed-in person may open now, as the list of the console page. Asking does not count as activity.
pub const LIST: &str = "/api/list";
/// Where assets lie on the console origin.
pub const ASSETS: &str = "/assets/";
/// The prefix on panel origins below which everything is ours.
pub const RESERVED: &str = "/.panelgate";

/// Where signing in begins.
pub fn sign_in(return_to: &Target) -> String {
    with_return(SIGN_IN, return_to.as_str())
}

/// Where a sign-in ends.
pub fn signed_in(return_to: &Target) -> String {
    with_return(SIGNED_IN, return_to.as_str())
}

fn with_return(path: &str, return_to: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.append_pair("return_to", return_to).finish())
}

/// Where a stronger sign-in is to be had for a panel, to which it leads back.
pub fn step_up(server: &ServerId, service: Service, account: &Account) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("server", server.as_str()).append_pair("service", service.as_str());
    query
        .append_pair("account", account.as_str())
        .append_pair("return_to", &format!("/s/{server}/{service}/{account}"));
    format!("{STEP_UP}?{}", query.finish())
}

/// Where signing in with one provider begins.
pub fn sign_in_with(provider: &ProviderId, return_to: &Target) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("provider", provider.as_str()).append_pair("return_to", return_to.as_str());
    format!("{SIGN_IN}?{}", query.finish())
}

/// The address of an opened panel, which can be kept as a bookmark: `/s/{server}/{service}/{account}`.
///
/// None of the three can hold a character that a path would have to escape.
pub fn panel(entry: &Entry) -> String {
    format!("/s/{}/{}/{}", entry.server, entry.service, entry.account)
}
