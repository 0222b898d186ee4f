//! What is recorded of a request to a panel.
//!
//! The form is read as it streams by, up to a bound, and holds nothing up.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;

use crate::audit::Answered;
use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::panel;
use crate::session::Entry;
use crate::upstream::Body;
use crate::upstream::streamed;

/// What a request said, for its record.
pub(super) struct Note<'a> {
    request: &'a EdgeRequest,
    entry: &'a Arc<Entry>,
    form: Option<Form>,
}

/// The beginning of a form.
#[derive(Clone)]
struct Form {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: usize,
}

impl<'a> Note<'a> {
    pub(super) fn of(request: &'a EdgeRequest, entry: &'a Arc<Entry>, most: usize) -> Self {
        Self { request, entry, form: is_form(&request.headers).then(|| Form { bytes: Arc::default(), most }) }
    }

    /// The way that it came by.
    pub(super) fn entry(&self) -> &'a Arc<Entry> {
        self.entry
    }

    /// The same body, whose beginning is kept if it is a form.
    pub(super) fn listen(&self, body: Body) -> Body {
        let Some(form) = self.form.clone() else { return body };
        let listening = body.map_frame(move |frame| {
            if let Some(data) = frame.data_ref() {
                form.keep(data);
            }
            frame
        });
        streamed(listening)
    }

    /// The event of one that was not answered, with what it does as far as that can be told.
    pub(super) fn event(&self, gateway: &Gateway, outcome: Outcome) -> Event {
        let form = self.form.as_ref().map(Form::read).unwrap_or_default();
        let (request, place) = (self.request, &self.entry.place);
        Event::new(Kind::PanelRequest, outcome, request.reference, gateway.clock.now())
            .client(request.client)
            .session(&self.entry.session)
            .place(&place.server, place.service)
            .account(&place.account)
            .directory(gateway.policy.version())
            .request(
                &request.method,
                panel::recorded_path(&request.target).into_owned(),
                panel::action(&request.target, &form),
            )
    }

    /// Records that the request was answered. Nobody waits for that.
    pub(super) fn answered(&self, gateway: &Gateway, status: StatusCode) {
        let EdgeRequest { reference, client, ref method, ref target, .. } = *self.request;
        let only_looks = matches!(*method, Method::GET | Method::HEAD) && panel::is_resource(target);
        if gateway.records_requests && !only_looks {
            let form = self.form.as_ref().map(Form::read).unwrap_or_default();
            gateway.audit.note(&Answered {
                time: gateway.clock.now(),
                reference,
                client,
                session: &self.entry.session,
                place: &self.entry.place,
                directory: gateway.policy.version(),
                method,
                path: &panel::recorded_path(target),
                action: panel::action(target, &form).as_ref(),
                status,
            });
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl Form {
    fn keep(&self, data: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.most.saturating_sub(bytes.len());
        bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
    }

    /// The pairs that are known whole.
    fn read(&self) -> Vec<u8> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if bytes.len() >= self.most {
            let end = bytes.iter().rposition(|byte| *byte == b'&').unwrap_or(0);
            bytes.truncate(end);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_form_the_pairs_that_are_whole_count() {
        let form = Form { bytes: Arc::default(), most: 16 };
        form.keep(b"user=bob&na");
        assert_eq!(form.read(), b"user=bob&na");
        form.keep(b"me=a-long-one&x=y");
        assert_eq!(form.read(), b"user=bob");
        let form = Form { bytes: Arc::default(), most: 4 };
        form.keep(b"user=bob");
        assert_eq!(form.read(), b"");
    }
}
