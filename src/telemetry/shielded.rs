//! What was last seen of the servers from outside, for collectors.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What was last seen of a server that the directory names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shielded {
    /// Its id.
    pub server: String,
    /// Whether a panel answered to strangers.
    pub answers: bool,
    /// Whether that could be told.
    pub is_known: bool,
    /// When that was, in seconds since 1970.
    pub looked_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfServer {
    server: String,
}

/// The gauges.
#[derive(Clone, Default)]
pub(super) struct ShieldGauges {
    open: Family<OfServer, Gauge>,
    looked_at: Family<OfServer, Gauge>,
}

impl ShieldGauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "shield_open",
            "Whether a server's panels answered to strangers at the last look from outside that could tell",
            self.open.clone(),
        );
        registry.register(
            "shield_looked_at_seconds",
            "When a server was last looked at from outside, since 1970",
            self.looked_at.clone(),
        );
    }

    /// Replaces what was said before.
    pub(super) fn set(&self, servers: impl Iterator<Item = Shielded>) {
        self.open.clear();
        self.looked_at.clear();
        for Shielded { server, answers, is_known, looked_at } in servers {
            let label = OfServer { server };
            self.looked_at.get_or_create(&label).set(i64::try_from(looked_at).unwrap_or(i64::MAX));
            if is_known {
                self.open.get_or_create(&label).set(i64::from(answers));
            }
        }
    }
}
