//! The configuration: what is read, every message about what is wrong, and `panelgate check`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "config/bounds.rs"]
mod bounds;
#[path = "config/check.rs"]
mod check;
#[path = "config/deploy.rs"]
mod deploy;
#[path = "config/examples.rs"]
mod examples;
#[path = "config/folder.rs"]
mod folder;
#[path = "config/hostile.rs"]
mod hostile;
#[path = "config/messages.rs"]
mod messages;
#[path = "config/site.rs"]
mod site;
#[path = "config/together.rs"]
mod together;
#[path = "config/values.rs"]
mod values;
