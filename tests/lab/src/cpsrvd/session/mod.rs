//! Sessions: how they begin, what every request must show, how they end.

mod cookies;
mod gate;
mod hulk;
mod login;
mod login_page;
mod logout;
mod questions;
mod referrer;
mod store;

pub(super) use cookies::encode;
pub(super) use cookies::named as cookie_named;
pub(super) use gate::admit;
pub(super) use hulk::Hulk;
pub(super) use login::MAIL_METHOD;
pub(super) use login::answer as log_in;
pub(super) use login::of_token;
pub(super) use login::verify as verify_password;
pub(super) use login_page::show as show_login_page;
pub(super) use logout::answer as log_out;
pub(super) use questions::interrupt as ask_questions;
pub(super) use referrer::check as check_referrer;
pub use store::LiveSession;
pub(super) use store::Opening;
pub(super) use store::Session;
pub(super) use store::SessionStore;
