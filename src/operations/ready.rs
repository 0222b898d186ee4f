//! What `/readyz` says.

use std::fmt::Write as _;

use serde::Serialize;

use crate::telemetry::Check;
use crate::telemetry::Health;

/// The state of all parts, in words.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    ready: bool,
    checks: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<&'static str>,
    /// Whether it is by this part that people are sent elsewhere.
    decides: bool,
}

impl Readiness {
    pub(super) fn of(health: &Health) -> Self {
        let part = |check: Check| {
            let wrong = health.wrong(check);
            Part { name: check.as_str(), ok: wrong.is_none(), wrong, decides: check.decides_readiness() }
        };
        Self { ready: health.is_ready(), checks: Check::ALL.into_iter().map(part).collect() }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// One line for the whole, one for each part that is unwell.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(if self.ready { "ready\n" } else { "not ready\n" });
        for part in &self.checks {
            if let Some(wrong) = part.wrong {
                // Writing into a String cannot fail.
                writeln!(text, "{}: {wrong}", part.name).unwrap_or_default();
            }
        }
        text
    }
}
