//! Cutting what may not go on: whoever lost access, and sessions on servers that are others by now.

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::gateway::Gateway;
use crate::gateway::open::access_to;
use crate::model::ReferenceId;
use crate::panel_session::CutBecause;
use crate::telemetry::Chain;
use crate::telemetry::PanelAct;

impl Gateway {
    /// Judges every open panel session by the rules in force now, and cuts those that none of them allows any
    /// more: requests, downloads and sockets under them end at once. Each is recorded afterwards, because
    /// cutting must not wait for a disk.
    pub async fn review(&self) {
        let now = self.clock.now();
        let cut =
            self.panels.review(|session, place| self.policy.may_keep(&session.principal(), &access_to(place), now));
        for cut in cut {
            let reason = match cut.why {
                CutBecause::ServerChanged => "server_changed",
                CutBecause::AccessLost => "access_lost",
            };
            tracing::info!(session = %cut.session.id().tag(), server = %cut.place.server, reason, "panel session cut");
            self.metrics.panel_session(cut.place.server.as_str(), PanelAct::Cut);
            let event = Event::new(Kind::PanelCut, Outcome::Succeeded, ReferenceId::from_bits(0), now)
                .session(&cut.session)
                .place(&cut.place.server, cut.place.service)
                .account(&cut.place.account)
                .directory(self.policy.version())
                .reason(reason);
            if let Err(error) = self.audit.record(&event).await {
                tracing::error!(cause = %Chain(&error), "a cut panel session is not on record");
            }
        }
    }
}
