//! The lab: the doubles and the harness that Panelgate's tests, its demo and its benchmarks share.
//!
//! - [`autobahn`]: the Autobahn test suite for WebSockets, and how it comes to a panel.
//! - [`cpsrvd`]: a double of cPanel & WHM's server, its security checks included.
//! - [`provider`]: a small OpenID Provider that can be told to misbehave.
//! - [`balancer`]: a real load balancer on one of our example files.
//! - [`gateway`]: the gateway's own program, as a process.
//! - [`haproxy`]: `HAProxy` in front of three gateways, to be restarted and reloaded.
//! - [`browser`]: a client that behaves as Chromium does on the wire.
//! - [`pki`]: a certificate authority that lives for one run.
//! - [`world`]: all of it put together, with the gateway's files.
//! - [`postgres`]: a PostgreSQL server of one's own.
//! - [`detour`]: a relay that can be slow, hold everything back or lead elsewhere.
//! - [`network`]: a network of its own for one test.
//! - [`disk`]: a disk that is soon full.
//! - [`mariadb`]: a `MariaDB` server of one's own.
//! - [`whmcs`]: WHMCS's tables and a double of its API.
//! - [`phpmyadmin`]: the real phpMyAdmin with a database server of its own.
//! - [`loopback`]: an own loopback address per part, so that every part can use the ports it has in life.
//!
//! Nothing here is part of the product.

pub mod autobahn;
pub mod balancer;
pub mod browser;
pub mod cpsrvd;
pub mod detour;
pub mod disk;
pub mod gateway;
pub mod haproxy;
pub mod loopback;
pub mod mariadb;
mod namespace;
pub mod network;
pub mod phpmyadmin;
pub mod pki;
pub mod postgres;
pub mod provider;
pub mod whmcs;
pub mod world;
