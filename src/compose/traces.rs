//! Where traces of requests go, as it is configured.

use std::sync::Arc;

use crate::compose::StartError;
use crate::compose::size;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::telemetry::Metrics;
use crate::telemetry::Sending;
use crate::telemetry::TraceSettings;
use crate::telemetry::Traces;

/// Where traces go, and what sends them.
pub(super) fn traces(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<(Traces, Sending)>, StartError> {
    let Some(telemetry) = &config.telemetry else { return Ok(None) };
    let settings = TraceSettings {
        endpoint: telemetry.otlp_endpoint.as_str().trim_end_matches('/').to_owned(),
        percent: telemetry.sample_percent,
        queue: size(config.limits.trace_queue),
        host: config.console.host.to_string(),
    };
    Traces::new(settings, Arc::clone(metrics)).map(Some).map_err(StartError::Traces)
}

/// Sends traces, if any are made.
pub(super) async fn send(sending: Option<Sending>) {
    if let Some(sending) = sending {
        sending.run().await;
    }
}

/// Waits a moment for the last traces to be sent.
pub(super) async fn flush(gateway: &Gateway) {
    if let Some(traces) = &gateway.traces {
        traces.flush().await;
    }
}
