//! Every limit of the gateway in one table: its default, its bounds, and what it bounds.

use crate::config::section::Section;

/// A line of the table of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The key in `[limits]`, which ends in the unit if there is one.
    pub name: &'static str,
    /// The value where none is written.
    pub default: u64,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
    /// What is counted or measured.
    pub unit: &'static str,
    /// What it bounds.
    pub bounds: &'static str,
}

/// Makes the struct, the table and the reading out of the one list below.
macro_rules! limits {
    ($($name:ident = $default:literal, $min:literal..=$max:literal $unit:literal: $bounds:literal;)*) => {
        /// The limits as they are in force; the unit stands in the name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = concat!($bounds, ".")] pub $name: u64,)*
        }

        impl Limits {
            /// All limits, in the order of a request's way through the gateway.
            pub const TABLE: &[Limit] = &[
                $(Limit {
                    name: stringify!($name),
                    default: $default,
                    min: $min,
                    max: $max,
                    unit: $unit,
                    bounds: $bounds,
                },)*
            ];

            /// Each limit and its value in force.
            pub fn values(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
                Self::TABLE.iter().zip([$(self.$name,)*])
            }

            pub(super) fn read(section: &Section<'_>) -> Self {
                Self {
                    $($name: section
                        .optional(stringify!($name))
                        .and_then(|field| field.integer($min..=$max))
                        .unwrap_or($default),)*
                }
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }
    };
}

limits! {
    connections = 10_000, 10..=1_000_000 "connections": "Connections from browsers open at once";
    connections_per_address = 1000, 1..=1_000_000 "connections": "Connections open at once from one address (or one IPv6 /64)";
    tls_handshake_seconds = 10, 1..=60 "seconds": "Time for a TLS handshake with a browser";
    request_head_seconds = 30, 1..=120 "seconds": "Time for a request's head to arrive; an idle HTTP/1.1 connection is kept as long";
    request_head_kib = 64, 8..=1024 "KiB": "Size of a request's head";
    request_headers = 100, 20..=1000 "headers": "Header fields in a request";
    keep_alive_seconds = 75, 1..=3600 "seconds": "Time that an idle HTTP/2 connection is kept";
    http2_streams = 100, 1..=1000 "streams": "Requests at once on an HTTP/2 connection";
    http2_resets = 100, 10..=10_000 "streams": "Streams reset before their time on an HTTP/2 connection, after which it is closed";
    request_grace_seconds = 30, 1..=3600 "seconds": "Time that a request's body may be waited for at any pace";
    request_bytes_per_second = 1024, 0..=1_000_000 "bytes": "Pace of a request's body after that, over the time that it was waited for";
    requests_per_session = 256, 10..=10_000 "requests": "Requests of one person's session under way at once, WebSockets included; more are refused";
    requests_per_panel_session = 24, 1..=200 "requests": "Requests of one panel session at its server at once; more wait";
    requests_per_server = 160, 1..=10_000 "requests": "Requests of everybody at one server at once; more wait";
    request_wait_seconds = 30, 1..=3600 "seconds": "Time for a request to wait for its place at the server";
    interim_answers = 8, 0..=100 "answers": "Interim answers (1xx) of a server before its answer";
    upstream_connect_seconds = 5, 1..=60 "seconds": "Time to connect to a server, TLS handshake included";
    upstream_response_seconds = 300, 1..=3600 "seconds": "Time for a server to begin its answer; it does not run while a request's body is on the way";
    body_idle_seconds = 300, 1..=3600 "seconds": "Time without a byte within a body, in either direction";
    websocket_idle_minutes = 15, 1..=1440 "minutes": "Time without a byte on a WebSocket, in both directions";
    open_seconds = 30, 1..=300 "seconds": "Time to open a panel session on a server";
    look_seconds = 20, 1..=60 "seconds": "Time for the watch to look at a server";
    replay_body_kib = 256, 0..=16_384 "KiB": "Size up to which a request's body is held, to be sent again after the server has dropped the panel session";
    replay_bodies_kib = 65_536, 0..=16_777_216 "KiB": "Size of all bodies held at once";
    pending_logins = 10_000, 10..=1_000_000 "sign-ins": "Sign-ins that wait for their return from the provider";
    pending_logins_per_address = 500, 5..=1_000_000 "sign-ins": "Sign-ins that one address (or one IPv6 /64) may begin within that time";
    pending_login_minutes = 10, 1..=60 "minutes": "Time for a sign-in at the provider";
    provider_seconds = 10, 1..=60 "seconds": "Time for an answer of the provider";
    provider_answer_kib = 1024, 16..=16_384 "KiB": "Size of an answer of the provider";
    api_answer_kib = 1024, 16..=16_384 "KiB": "Size of an answer of a server's API";
    panel_sessions = 5000, 1..=1_000_000 "sessions": "Panel sessions open at once, over all servers";
    store_connections = 10, 3..=1000 "connections": "Connections to a PostgreSQL database, one of them for listening";
    store_grace_seconds = 300, 5..=3600 "seconds": "Time that sessions go on while the store is away";
    sessions = 20_000, 1..=1_000_000 "sessions": "People's sessions at once";
    notice_streams = 20, 1..=1000 "streams": "Open consoles of one session that are told what happens behind their frames";
    audit_file_mib = 256, 1..=65_536 "MiB": "Size of an audit file before it is put aside";
    audit_file_hours = 24, 1..=8760 "hours": "Age of an audit file before it is put aside";
    audit_files = 400, 1..=100_000 "files": "Audit files kept beside the current one";
    audit_queue = 4096, 16..=1_000_000 "events": "Audit events that wait to be written; those of requests take half at most";
    audit_form_kib = 16, 1..=1024 "KiB": "Part of a form that is looked at to record what it does";
    audit_seconds = 10, 1..=60 "seconds": "Time for an audit event to be recorded before its act is refused";
    trace_queue = 2048, 16..=1_000_000 "requests": "Requests whose trace waits to be sent to the collector; more are left out";
    drain_seconds = 30, 0..=3600 "seconds": "Time for open requests to end when the gateway stops";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_lies_within_its_bounds() {
        for limit in Limits::TABLE {
            assert!((limit.min..=limit.max).contains(&limit.default), "{}", limit.name);
        }
        assert_eq!(Limits::TABLE.iter().map(|l| l.name).collect::<BTreeSet<_>>().len(), Limits::TABLE.len());
    }

    #[test]
    fn a_name_ends_in_its_unit() {
        for limit in Limits::TABLE {
            if ["seconds", "minutes", "KiB"].contains(&limit.unit) {
                assert!(limit.name.ends_with(&limit.unit.to_lowercase()), "{}", limit.name);
            }
        }
    }

    #[test]
    fn values_stand_beside_their_own_limit() {
        for (limit, value) in Limits::default().values() {
            assert_eq!(limit.default, value, "{}", limit.name);
        }
    }
}
