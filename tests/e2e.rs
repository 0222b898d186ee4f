//! The whole thing: the real program over real TLS, an `OpenID` Provider and three cPanel doubles, and a
//! client that behaves as a browser does. One world for each test.
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "e2e/access.rs"]
mod access;
#[path = "e2e/backup.rs"]
mod backup;
#[path = "e2e/balancers.rs"]
mod balancers;
#[path = "e2e/balancers_v6.rs"]
mod balancers_v6;
#[path = "e2e/behind.rs"]
mod behind;
#[path = "e2e/bounds.rs"]
mod bounds;
#[path = "e2e/by_hand.rs"]
mod by_hand;
#[path = "e2e/bytes.rs"]
mod bytes;
#[path = "e2e/bytes_h2.rs"]
mod bytes_h2;
#[path = "e2e/bytes_upstream.rs"]
mod bytes_upstream;
#[path = "e2e/certificates.rs"]
mod certificates;
#[path = "e2e/check_login.rs"]
mod check_login;
#[path = "e2e/conformance.rs"]
mod conformance;
#[path = "e2e/crowds.rs"]
mod crowds;
#[path = "e2e/cuts.rs"]
mod cuts;
#[path = "e2e/directory.rs"]
mod directory;
#[path = "e2e/doctor.rs"]
mod doctor;
#[path = "e2e/doctor_around.rs"]
mod doctor_around;
#[path = "e2e/edge.rs"]
mod edge;
#[path = "e2e/egress.rs"]
mod egress;
#[path = "e2e/ending.rs"]
mod ending;
#[path = "e2e/envelope.rs"]
mod envelope;
#[path = "e2e/evidence.rs"]
mod evidence;
#[path = "e2e/failure.rs"]
mod failure;
#[path = "e2e/faults.rs"]
mod faults;
#[path = "e2e/fleet/mod.rs"]
mod fleet;
#[path = "e2e/follow.rs"]
mod follow;
#[path = "e2e/frames.rs"]
mod frames;
#[path = "e2e/hand_off.rs"]
mod hand_off;
#[path = "e2e/hops.rs"]
mod hops;
#[path = "e2e/keys.rs"]
mod keys;
#[path = "e2e/life.rs"]
mod life;
#[path = "e2e/links.rs"]
mod links;
#[path = "e2e/logout.rs"]
mod logout;
#[path = "e2e/metrics.rs"]
mod metrics;
#[path = "e2e/notices.rs"]
mod notices;
#[path = "e2e/open.rs"]
mod open;
#[path = "e2e/operations.rs"]
mod operations;
#[path = "e2e/outages.rs"]
mod outages;
#[path = "e2e/panel.rs"]
mod panel;
#[path = "e2e/paths.rs"]
mod paths;
#[path = "e2e/products.rs"]
mod products;
#[path = "e2e/provider_faults.rs"]
mod provider_faults;
#[path = "e2e/providers.rs"]
mod providers;
#[path = "e2e/raw.rs"]
mod raw;
#[path = "e2e/records.rs"]
mod records;
#[path = "e2e/reload.rs"]
mod reload;
#[path = "e2e/renewal.rs"]
mod renewal;
#[path = "e2e/replicas.rs"]
mod replicas;
#[path = "e2e/restarts.rs"]
mod restarts;
#[path = "e2e/revocation.rs"]
mod revocation;
#[path = "e2e/sign_in.rs"]
mod sign_in;
#[path = "e2e/stage.rs"]
mod stage;
#[path = "e2e/steady.rs"]
mod steady;
#[path = "e2e/step_up.rs"]
mod step_up;
#[path = "e2e/subjects.rs"]
mod subjects;
#[path = "e2e/switches.rs"]
mod switches;
#[path = "e2e/syslog.rs"]
mod syslog;
#[path = "e2e/tabs.rs"]
mod tabs;
#[path = "e2e/traces.rs"]
mod traces;
#[path = "e2e/traffic.rs"]
mod traffic;
#[path = "e2e/uploads.rs"]
mod uploads;
#[path = "e2e/websocket.rs"]
mod websocket;
#[path = "e2e/weight.rs"]
mod weight;
