//! A double of cPanel & WHM's server (`cpsrvd`), as a reverse proxy sees it.
//!
//! Written from public documentation and captured heads only; `docs/cpsrvd.md` holds the evidence.
//! Every behaviour has a row in [`behaviours`], and a switch in [`Switches`] where a real server could
//! go either way. The double is strict on purpose: what a real server might refuse, it refuses.
//!
//! A request's way: `transport` (bytes to a head), `faults`, `route` (the order of
//! all that follows), then either `api`, or `session` (cookie, security token, address, referrer) and
//! `pages`, `hops` or `streams`. `observe` keeps what was seen.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use lab::cpsrvd::Cpsrvd;
//! use lab::cpsrvd::Fault;
//! use lab::cpsrvd::Settings;
//!
//! # async fn example() -> anyhow::Result<()> {
//! let address = lab::loopback::Loopback::claim()?;
//! let double = Cpsrvd::start(Settings::new("web1.example.com", address.ip())).await?;
//! let token = double.token_for("root");
//! double.switch(|switches| switches.referrer_safety = true);
//! double.faults().inject("/json-api/create_user_session", 2, Fault::Stall(Duration::from_secs(3)));
//! // … let a gateway use `token`, then look at what reached the server:
//! let login = double.wait_for_request(|request| request.path() == "/login/").await?;
//! assert!(login.forwarding_headers().is_empty());
//! # Ok(())
//! # }
//! ```

mod accounts;
mod answer;
mod api;
pub mod behaviours;
mod cue;
mod dates;
mod exchange;
mod faults;
mod hops;
mod hostile;
mod observe;
mod pages;
mod random;
mod route;
mod server;
mod service;
mod session;
mod settings;
mod shared;
mod streams;
mod switches;
mod sync;
mod tokens;
mod tools;
mod transport;

pub use accounts::Account;
pub use accounts::Accounts;
pub use accounts::Kind;
pub use cue::Cue;
pub use faults::ConnectFault;
pub use faults::Fault;
pub use faults::Faults;
pub use hostile::Planted;
pub use observe::RecordedRequest;
pub use server::Cpsrvd;
pub use service::Service;
pub use session::LiveSession;
pub use settings::Settings;
pub use switches::AccountLoginAccess;
pub use switches::Alpn;
pub use switches::Certificate;
pub use switches::CookieIpValidation;
pub use switches::DumpEnd;
pub use switches::Framing;
pub use switches::LoginAnswer;
pub use switches::ReferrerRefusal;
pub use switches::SpentLoginUrl;
pub use switches::Switches;
pub use switches::TlsVersions;
pub use switches::VersionShape;
pub use switches::WebSocketOrigin;
pub use tokens::ApiToken;
