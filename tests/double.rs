//! The double of cPanel's server, judged: a plain gateway must fail before it, ours must not, and public
//! clients must find in it the server that they were written for.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "double/behaviours_page.rs"]
mod behaviours_page;
#[path = "double/checks.rs"]
mod checks;
#[path = "double/clients.rs"]
mod clients;
#[path = "double/identity.rs"]
mod identity;
#[path = "double/look.rs"]
mod look;
#[path = "double/nginx.rs"]
mod nginx;
#[path = "double/ours.rs"]
mod ours;
#[path = "double/ready.rs"]
mod ready;
#[path = "double/route.rs"]
mod route;
#[path = "double/table.rs"]
mod table;
