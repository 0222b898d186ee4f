//! The files as the operator wrote them, made into a checked [`Config`], or into a list of all problems.
//!
//! A file is read as a TOML document with the places of everything in it. Each `Section` is then asked
//! for its keys one by one; what is missing, of the wrong kind, out of bounds, unknown or contradictory is
//! noted among the `Findings` and reading goes on, so that one run shows everything there is to fix. What comes
//! out has no raw text left to check. No message shows what stands where a reference to a secret belongs, nor
//! the value of an unknown key, which may be a misspelt one for a secret.

mod access_tests;
mod directory;
mod document;
mod field;
mod findings;
mod limits;
mod load;
mod main_file;
mod nearest;
mod outside;
mod posture;
mod problem;
mod section;
mod settings;
mod source;
mod unused;
mod words;

pub use access_tests::AccessTest;
pub use access_tests::access_tests;
pub use limits::Limit;
pub use limits::Limits;
pub use nearest::nearest;
pub use outside::SecretCheck;
pub use posture::Posture;
pub use posture::posture;
pub use problem::Look;
pub use problem::Problem;
pub use problem::Problems;
pub use problem::Warnings;
pub use settings::Audit;
pub use settings::Balancer;
pub use settings::CertificateFiles;
pub use settings::ClientCredential;
pub use settings::Config;
pub use settings::Egress;
pub use settings::Fleet;
pub use settings::GroupsSource;
pub use settings::KeyFile;
pub use settings::Leaving;
pub use settings::Listen;
pub use settings::Log;
pub use settings::LogFormat;
pub use settings::PanelStyle;
pub use settings::Provider;
pub use settings::SessionLifetimes;
pub use settings::StoreAt;
pub use settings::Telemetry;
pub use settings::VaultKeys;
pub use unused::unused_groups;
pub use unused::unused_servers;
pub use words::Escaped;
pub use words::counted;
