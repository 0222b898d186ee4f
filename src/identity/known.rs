//! What we know about the provider at the moment: metadata and keys, cached with bounds on their age.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use http::header;
use openidconnect::core::CoreJsonWebKeySet;
use tokio::sync::Mutex;

use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::keys;
use crate::identity::metadata;
use crate::identity::metadata::Metadata;
use crate::identity::settings::ProviderSettings;
use crate::identity::transport::Transport;
use crate::model::Timestamp;

/// The least time that keys are used without asking again, whatever the provider says: some say none.
const MIN_FRESH: Duration = Duration::from_mins(5);
/// How long keys are used if the provider does not say.
const DEFAULT_FRESH: Duration = Duration::from_hours(1);
/// The most time that keys are used without a successful answer: a withdrawn key dies within a day.
const MAX_AGE: Duration = Duration::from_hours(24);
/// How long the last good answer is used after an attempt to renew it failed.
const RETRY: Duration = Duration::from_secs(30);
/// The least time between two fetches that tokens with an unknown key cause.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// Metadata and keys that were fetched together.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) metadata: Metadata,
    pub(super) keys: CoreJsonWebKeySet,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
}

/// The cache. At most one fetch is under way at a time, and everybody who waits shares its outcome.
#[derive(Debug, Default)]
pub(super) struct Known {
    current: ArcSwapOption<Snapshot>,
    /// The outcome of the latest attempt; locked while one is under way.
    latest: Mutex<Option<Result<Arc<Snapshot>, LoginError>>>,
    /// Attempts that have ended.
    ended: AtomicU64,
    /// When an unknown key last caused a fetch, in milliseconds since the epoch; 0 for never.
    forced_at: AtomicU64,
}

impl Known {
    /// What is known without asking.
    pub(super) fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// What is known, fetched if there is nothing or if it is old.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        settings: &ProviderSettings,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, LoginError> {
        let current = self.current();
        if let Some(snapshot) = current.as_ref().filter(|snapshot| now < snapshot.fresh_until) {
            return Ok(Arc::clone(snapshot));
        }
        match (self.fetch(transport, settings, now).await, current) {
            (Ok(snapshot), _) => Ok(snapshot),
            (Err(error), Some(old)) if now < old.fetched_at.plus(MAX_AGE) => {
                tracing::warn!(error = %chain(&error), "using the provider's last known keys");
                let kept = Arc::new(Snapshot { fresh_until: now.plus(RETRY), ..Snapshot::clone(&old) });
                self.current.store(Some(Arc::clone(&kept)));
                Ok(kept)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Newer keys than those in which a token's key was not found, or nothing if it is too early to ask.
    pub(super) async fn newer_than(
        &self,
        seen: &Snapshot,
        transport: &Transport,
        settings: &ProviderSettings,
        now: Timestamp,
    ) -> Result<Option<Arc<Snapshot>>, LoginError> {
        if let Some(current) = self.current().filter(|current| current.fetched_at > seen.fetched_at) {
            return Ok(Some(current));
        }
        let last = self.forced_at.load(Ordering::Acquire);
        if last != 0 && now < Timestamp(last).plus(COOL_DOWN) {
            return Ok(None);
        }
        self.forced_at.store(now.0, Ordering::Release);
        self.fetch(transport, settings, now).await.map(Some)
    }

    async fn fetch(
        &self,
        transport: &Transport,
        settings: &ProviderSettings,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, LoginError> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut latest = self.latest.lock().await;
        if self.ended.load(Ordering::Acquire) != ended_before
            && let Some(outcome) = &*latest
        {
            return outcome.clone();
        }
        let outcome = fetch(transport, settings, now).await.map(|(snapshot, _)| Arc::new(snapshot));
        if let Ok(snapshot) = &outcome {
            self.current.store(Some(Arc::clone(snapshot)));
        }
        *latest = Some(outcome.clone());
        self.ended.fetch_add(1, Ordering::AcqRel);
        outcome
    }
}

/// Metadata and keys, with the headers of the answer that had the keys.
pub(super) async fn fetch(
    transport: &Transport,
    settings: &ProviderSettings,
    now: Timestamp,
) -> Result<(Snapshot, HeaderMap), LoginError> {
    let (_, document) = transport.object(Endpoint::Discovery, get(&metadata::address(&settings.issuer))?).await?;
    let metadata = Metadata::read(&document, settings)
        .map_err(|source| LoginError::Nonsense { endpoint: Endpoint::Discovery, source })?;
    let (headers, set) = transport.object(Endpoint::Keys, get(metadata.jwks_uri.as_str())?).await?;
    let keys = keys::read(&set, settings.id_token_alg)
        .map_err(|source| LoginError::Nonsense { endpoint: Endpoint::Keys, source })?;
    let fresh = max_age(&headers).unwrap_or(DEFAULT_FRESH).clamp(MIN_FRESH, MAX_AGE);
    Ok((Snapshot { metadata, keys, fetched_at: now, fresh_until: now.plus(fresh) }, headers))
}

fn get(address: &str) -> Result<http::Request<Vec<u8>>, LoginError> {
    http::Request::get(address)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| LoginError::Nonsense { endpoint: Endpoint::Discovery, source: Nonsense::Member("jwks_uri") })
}

/// How long the answer may be used (RFC 9111 section 5.2.2.1); `no-cache` and `no-store` mean zero.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut age = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") {
                age = value.trim_matches('"').parse().ok().map(Duration::from_secs);
            }
        }
    }
    age
}

/// An error with its causes, for the log.
fn chain(error: &LoginError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_provider_says_how_long_its_keys_are_good() {
        for (value, expected) in [
            ("max-age=600", Some(600)),
            ("public, Max-Age=\"600\", must-revalidate", Some(600)),
            ("no-store", Some(0)),
            ("max-age=600, no-cache", Some(0)),
            ("public", None),
            ("max-age=soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_str(value).unwrap());
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }
}
