//! A look at a provider, as the doctor takes it: what it says of itself, its keys, and its clock.

use http::HeaderMap;
use http::header::DATE;

use crate::identity::error::LoginError;
use crate::identity::known;
use crate::identity::provider::Provider;
use crate::model::Timestamp;

/// What a provider shows that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Keys that ID tokens can be signed with.
    pub keys: usize,
    /// How far its clock is ahead of ours, in whole seconds, by the `Date` of its answer (RFC 9110 section
    /// 6.6.1); nothing if it sends none.
    pub clock_ahead: Option<i64>,
    /// Whether it can end its own session.
    pub can_end_sessions: bool,
}

impl Provider {
    /// Asks the provider for its metadata and keys, whatever is known already.
    pub async fn look(&self) -> Result<Looked, LoginError> {
        let (snapshot, headers) = known::fetch(&self.transport, &self.settings, self.clock.now()).await?;
        Ok(Looked {
            keys: snapshot.keys.keys().len(),
            clock_ahead: clock_ahead(&headers, self.clock.now()),
            can_end_sessions: snapshot.metadata.end_session_endpoint.is_some(),
        })
    }
}

/// The difference of the clocks; what the answer took on its way makes theirs look behind.
fn clock_ahead(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
    Some(theirs.saturating_sub(i64::try_from(now.secs()).ok()?))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_date_of_an_answer_tells_the_clock() {
        let now = Timestamp::from_secs(784_111_777);
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(-7)),
            ("yesterday", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static(date));
            assert_eq!(clock_ahead(&headers, now), expected, "{date}");
        }
    }
}
