//! What cPanel & WHM is: its API, its one-time login, its cookies, its signs of a lost session.
//!
//! Knows cpsrvd and nothing of browsers, people or policy. The facts are those of `docs/cpsrvd.md`, with
//! their sources.

mod actions;
mod api_answer;
mod create_user_session;
mod customers;
mod jar;
mod log_out;
mod lost;
mod one_time_login;
mod page_cookies;
mod privileges;
mod probe;
mod security_token;
mod settings;
mod tokens;
mod wellbeing;
mod whm_api;

pub use actions::action;
pub use actions::is_resource;
pub use actions::recorded_path;
pub use api_answer::ApiError;
pub use api_answer::RefusedBecause;
pub use create_user_session::OneTimeLogin;
pub use create_user_session::create_user_session;
pub use customers::is_customer;
pub use jar::CookieJar;
pub use jar::JarRecord;
pub use jar::is_session_cookie;
pub use log_out::log_out;
pub use log_out::logout_ends_one_session;
pub use lost::BodySign;
pub use lost::HeadSign;
pub use lost::Lost;
pub use lost::head_sign;
pub use one_time_login::LoginError;
pub use one_time_login::SignedIn;
pub use one_time_login::sign_in;
pub use page_cookies::for_browser as page_cookies_for_browser;
pub use page_cookies::from_browser as page_cookies_from_browser;
pub use privileges::functions;
pub use privileges::privileges;
pub use privileges::version;
pub use probe::Exchange;
pub use probe::INFERENCES;
pub use probe::Inference;
pub use probe::Judged;
pub use probe::Probe;
pub use probe::Report;
pub use probe::Subject;
pub use security_token::SecurityToken;
pub use settings::setting;
pub use tokens::ListedToken;
pub use tokens::TokenWish;
pub use tokens::create_token;
pub use tokens::is_token;
pub use tokens::list_tokens;
pub use tokens::revoke_token;
pub use wellbeing::is_setting_on;
pub use wellbeing::load;
pub use whm_api::ApiCredential;
pub use whm_api::WhmApi;
