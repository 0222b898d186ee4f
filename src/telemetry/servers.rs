//! What the watch over the fleet says about servers, in numbers for collectors.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A server as it was last seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerState {
    /// The worst that is wrong, in a few words of the program.
    pub label: Option<&'static str>,
    /// All that is wrong, as words of a closed list.
    pub troubles: Vec<&'static str>,
    /// When it was seen, in seconds since 1970, as the other times here.
    pub seen_at: i64,
    /// When its certificate ends.
    pub certificate_ends: Option<i64>,
    /// When its token ends.
    pub token_ends: Option<i64>,
    /// The load of the last minute.
    pub load: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByServer {
    server: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByTrouble {
    server: String,
    trouble: &'static str,
}

/// The servers that are known: as many as the directory has.
#[derive(Default)]
pub(super) struct Servers {
    troubles: Family<ByTrouble, Gauge>,
    seen: Family<ByServer, Gauge>,
    certificates: Family<ByServer, Gauge>,
    tokens: Family<ByServer, Gauge>,
    loads: Family<ByServer, Gauge<f64, AtomicU64>>,
    said: Mutex<HashMap<String, ServerState>>,
}

impl Servers {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("server_trouble", "1 for each thing that is wrong with a server", self.troubles.clone());
        registry.register("server_seen_seconds", "When a server was last looked at, since 1970", self.seen.clone());
        registry.register(
            "server_certificate_expiry_seconds",
            "When a server's certificate ends, since 1970",
            self.certificates.clone(),
        );
        registry.register(
            "server_token_expiry_seconds",
            "When a server's API token ends, since 1970, if that is known",
            self.tokens.clone(),
        );
        registry.register("server_load", "A server's load of the last minute", self.loads.clone());
    }

    /// Replaces what was said before. What stays is never missing meanwhile, so that no collector sees a gap.
    pub(super) fn are(&self, states: &HashMap<String, ServerState>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        for (server, before) in said.iter().filter(|(server, before)| states.get(*server) != Some(before)) {
            self.forget(server, before, states.get(server));
        }
        for (server, state) in states {
            if said.get(server) != Some(state) {
                self.say(server, state);
            }
        }
        said.clone_from(states);
    }

    fn say(&self, server: &str, state: &ServerState) {
        let by = ByServer { server: server.to_owned() };
        self.seen.get_or_create(&by).set(state.seen_at);
        if let Some(end) = state.certificate_ends {
            self.certificates.get_or_create(&by).set(end);
        }
        if let Some(end) = state.token_ends {
            self.tokens.get_or_create(&by).set(end);
        }
        if let Some(load) = state.load {
            self.loads.get_or_create(&by).set(load);
        }
        for trouble in &state.troubles {
            self.troubles.get_or_create(&ByTrouble { server: server.to_owned(), trouble }).set(1);
        }
    }

    fn forget(&self, server: &str, before: &ServerState, now: Option<&ServerState>) {
        let by = ByServer { server: server.to_owned() };
        if now.is_none() {
            self.seen.remove(&by);
        }
        if now.is_none_or(|now| now.certificate_ends.is_none()) {
            self.certificates.remove(&by);
        }
        if now.is_none_or(|now| now.token_ends.is_none()) {
            self.tokens.remove(&by);
        }
        if now.is_none_or(|now| now.load.is_none()) {
            self.loads.remove(&by);
        }
        for trouble in &before.troubles {
            if now.is_none_or(|now| !now.troubles.contains(trouble)) {
                self.troubles.remove(&ByTrouble { server: server.to_owned(), trouble });
            }
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").finish_non_exhaustive()
    }
}
