//! An act that is recorded before it happens and closed on every path.

use std::fmt;
use std::sync::Arc;

use crate::audit::event::Event;
use crate::audit::event::Outcome;
use crate::audit::log::AuditError;
use crate::audit::log::AuditLog;
use crate::model::Clock;

/// An act whose beginning is on disk. Dropping it unfinished records that it was abandoned.
#[must_use = "an act is closed with how it ended"]
pub struct Act {
    log: AuditLog,
    clock: Arc<dyn Clock>,
    event: Option<Event>,
}

impl Act {
    /// Records that the act is about to happen; gives nothing to act with if that fails.
    pub async fn begin(log: &AuditLog, clock: &Arc<dyn Clock>, event: Event) -> Result<Self, AuditError> {
        if let Err(error) = log.record(&event).await {
            // It may be in the file and not have reached another place, or have taken too long.
            log.record_later(&event.ended(Outcome::Abandoned, clock.now()));
            return Err(error);
        }
        Ok(Self { log: log.clone(), clock: Arc::clone(clock), event: Some(event) })
    }

    /// Records that it happened.
    pub async fn succeeded(self) -> Result<(), AuditError> {
        self.close(Outcome::Succeeded, None).await
    }

    /// Records that it failed, and why.
    pub async fn failed(self, reason: &'static str) -> Result<(), AuditError> {
        self.close(Outcome::Failed, Some(reason)).await
    }

    async fn close(mut self, outcome: Outcome, reason: Option<&'static str>) -> Result<(), AuditError> {
        let Some(event) = self.event.take() else { return Ok(()) };
        let mut event = event.ended(outcome, self.clock.now());
        if let Some(reason) = reason {
            event = event.reason(reason);
        }
        self.log.record(&event).await
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.log.record_later(&event.ended(Outcome::Abandoned, self.clock.now()));
        }
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Act").field("event", &self.event).finish_non_exhaustive()
    }
}
