//! Ending access by hand, on the console: who is signed in, what is to end, and its end.
//!
//! Only for those whose role group has the right; for everybody else there is nothing here, whatever they ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Response;
use http::StatusCode;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use url::form_urlencoded;

use crate::console::EndPage;
use crate::console::EndTarget;
use crate::console::Ended;
use crate::console::SessionLine;
use crate::console::SessionsPage;
use crate::console::SignedInPerson;
use crate::console::paths;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::console::ONLY_HERE;
use crate::gateway::console::SIGNED_OUT;
use crate::gateway::end::Cause;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::sign_in;
use crate::model::Right;
use crate::model::ServerId;
use crate::model::Subject;
use crate::session::EntryPlace;
use crate::session::Listed;
use crate::session::Session;
use crate::upstream::Body;

/// Most bytes of a form that says what is to end: an issuer and a subject.
const FORM: usize = 8192;

/// Most people that the page shows at once; looking for a name finds the others.
const MOST_PEOPLE: usize = 200;

/// Most sessions that are named before they end.
const MOST_NAMED: usize = 20;

impl Gateway {
    /// `GET /sessions`: who is signed in.
    pub(super) async fn sessions_page(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = match self.operator(request).await {
            Err(Failure::SignedOut) if request.fetch.destination == Destination::Page => {
                return Ok(sign_in::gate(request));
            }
            other => other?,
        };
        let roll = self.sessions.roll().await.map_err(Failure::Session)?;
        let find = parameter(&request.target, "find").unwrap_or_default().trim().to_owned();
        let by_person = roll.chunk_by(|a, b| a.subject == b.subject);
        let (people_count, session_count) = (by_person.clone().count(), roll.len());
        let mut fitting: Vec<&[Listed]> = by_person.filter(|theirs| fits(theirs, &find)).collect();
        let further = fitting.len().saturating_sub(MOST_PEOPLE);
        fitting.truncate(MOST_PEOPLE);
        let number = |name: &str| parameter(&request.target, name).and_then(|count| count.parse().ok());
        let ended = number("ended").map(|count| Ended { count, is_server: false });
        let page = SessionsPage {
            person: self.shown(&session.principal()),
            people: fitting.into_iter().filter_map(|theirs| self.signed_in(theirs, &session)).collect(),
            find,
            people_count,
            session_count,
            further,
            servers: open_servers(&roll),
            done: ended.or_else(|| number("closed").map(|count| Ended { count, is_server: true })),
        };
        Ok(answer::page(StatusCode::OK, page.render(&self.site)))
    }

    /// `GET /sessions/end`: what is to end, and whether it shall.
    pub(super) async fn end_page(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = self.operator(request).await?;
        let target = target(request.target.query().unwrap_or_default().as_bytes()).ok_or(Failure::NotFound)?;
        let mut meant = self.sessions.roll().await.map_err(Failure::Session)?;
        meant.retain(|listed| is_meant(&target, listed));
        // What has ended meanwhile needs no question.
        let Some(first) = meant.first() else { return Ok(answer::see_other(paths::SESSIONS)) };
        let name = match &target {
            EndTarget::Server(server) => server.to_string(),
            EndTarget::Session(_) | EndTarget::Person { .. } | EndTarget::Everything => first.name.clone(),
        };
        let page = EndPage {
            person: self.shown(&session.principal()),
            name,
            affected: meant.iter().take(MOST_NAMED).map(|listed| in_words(listed, &target)).collect(),
            further: meant.len().saturating_sub(MOST_NAMED),
            is_own: !matches!(target, EndTarget::Server(_)) && meant.iter().any(|listed| listed.id == session.id()),
            target,
        };
        Ok(answer::page(StatusCode::OK, page.render(&self.site)))
    }

    /// `POST /sessions/end`: ends it, each on record before.
    pub(super) async fn end_by_hand(&self, request: &EdgeRequest, body: Incoming) -> Result<Response<Body>, Failure> {
        let session = self.operator(request).await?;
        let EdgeRequest { reference, client, .. } = *request;
        let body = tokio::time::timeout(self.pace.grace, Limited::new(body, FORM).collect()).await;
        let body = body.map_err(|_| Failure::BadBody)?.map_err(|_| Failure::BadBody)?.to_bytes();
        let target = target(&body).ok_or(Failure::BadBody)?;
        let by = session.principal().subject().to_string();
        let cause = Cause { reason: "ended_by_operator", by: Some(&by), client: Some(client), reference };
        if let EndTarget::Server(server) = &target {
            let closed = self.close_server(server, cause).await?;
            return Ok(answer::see_other(&format!("{}?closed={closed}", paths::SESSIONS)));
        }
        let mut meant = self.sessions.roll().await.map_err(Failure::Session)?;
        meant.retain(|listed| is_meant(&target, listed));
        // One's own last: if another cannot be ended, whoever ended them still sees why.
        meant.sort_by_key(|listed| listed.id == session.id());
        let ended = self.end_all(&meant, cause).await?;
        let is_own = meant.iter().any(|listed| listed.id == session.id());
        let on =
            if is_own { format!("{SIGNED_OUT}?{ONLY_HERE}") } else { format!("{}?ended={ended}", paths::SESSIONS) };
        Ok(answer::see_other(&on))
    }

    /// The session of somebody who may end others'. Nobody else learns that there is anything to end.
    async fn operator(&self, request: &EdgeRequest) -> Result<Arc<Session>, Failure> {
        let session = self.person(request).await?;
        let may = self.policy.has_right(&session.principal(), Right::EndSessions);
        if may { Ok(session) } else { Err(Failure::NotFound) }
    }

    /// Somebody with all of their sessions; nothing for nobody.
    fn signed_in(&self, theirs: &[Listed], own: &Session) -> Option<SignedInPerson> {
        let Listed { subject, name, email, .. } = theirs.first()?;
        let provider = self.providers.of(subject).map_or(subject.iss.as_str(), |provider| provider.name());
        let line = |listed: &Listed| SessionLine {
            tag: listed.id.tag().to_string(),
            since: listed.since.to_minute(),
            since_exactly: listed.since.to_string(),
            client: listed.client.clone(),
            open: listed.places.iter().map(place).collect(),
            is_own: listed.id == own.id(),
        };
        Some(SignedInPerson {
            person: crate::console::Person { name: name.clone(), email: email.clone(), ends_sessions: false },
            target: EndTarget::Person { iss: subject.iss.clone(), sub: subject.sub.clone() },
            sub: subject.sub.clone(),
            provider: self.providers.only().is_none().then(|| provider.to_owned()),
            sessions: theirs.iter().map(line).collect(),
        })
    }
}

/// What a form, or the query of an address, says is to end: one thing, said once.
fn target(form: &[u8]) -> Option<EndTarget> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        if fields.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    let mut take = |name: &str| fields.remove(name);
    let target = match (take("session"), take("person"), take("issuer"), take("server"), take("everything")) {
        (Some(tag), None, None, None, None) => EndTarget::Session(tag),
        (None, Some(sub), Some(iss), None, None) => EndTarget::Person { iss, sub },
        (None, None, None, Some(server), None) => EndTarget::Server(server.parse().ok()?),
        (None, None, None, None, Some(yes)) if yes == "yes" => EndTarget::Everything,
        _ => return None,
    };
    fields.is_empty().then_some(target)
}

fn is_meant(target: &EndTarget, listed: &Listed) -> bool {
    match target {
        EndTarget::Session(tag) => listed.id.tag().to_string() == *tag,
        EndTarget::Person { iss, sub } => {
            let Subject { iss: its, sub: theirs } = &listed.subject;
            (its, theirs) == (iss, sub)
        }
        EndTarget::Server(server) => listed.places.iter().any(|place| place.server == *server),
        EndTarget::Everything => true,
    }
}

/// Whether somebody is what is looked for: every word is in their name, addresses or what they have open.
fn fits(theirs: &[Listed], find: &str) -> bool {
    let text = theirs.iter().fold(String::new(), |text, Listed { subject, name, email, client, places, .. }| {
        let places = places.iter().map(place).collect::<Vec<_>>().join("\n");
        text + &format!("{name}\n{}\n{}\n{client}\n{places}\n", email.as_deref().unwrap_or_default(), subject.sub)
    });
    let text = text.to_lowercase();
    find.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// A session in a line, with what of it is to end.
fn in_words(listed: &Listed, target: &EndTarget) -> String {
    let Listed { name, client, since, places, .. } = listed;
    let is_shown = |one: &&EntryPlace| match target {
        EndTarget::Server(server) => one.server == *server,
        EndTarget::Session(_) | EndTarget::Person { .. } | EndTarget::Everything => true,
    };
    let open = places.iter().filter(is_shown).map(place).collect::<Vec<_>>().join(", ");
    let open = if open.is_empty() { "nothing open".to_owned() } else { open };
    format!("{name}, since {} from {client}: {open}", since.to_minute())
}

fn place(place: &EntryPlace) -> String {
    format!("{} {} as {}", place.server, place.service.title(), place.account)
}

/// The servers that are open, and in how many sessions.
fn open_servers(roll: &[Listed]) -> Vec<(ServerId, usize)> {
    let mut servers: BTreeMap<&ServerId, usize> = BTreeMap::new();
    for listed in roll {
        let mut theirs: Vec<&ServerId> = listed.places.iter().map(|place| &place.server).collect();
        theirs.dedup();
        for server in theirs {
            *servers.entry(server).or_default() += 1;
        }
    }
    servers.into_iter().map(|(server, count)| (server.clone(), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_one_thing_once() {
        let person = EndTarget::Person { iss: "https://a".into(), sub: "x&y".into() };
        for (form, found) in [
            ("session=cc5fe626", Some(EndTarget::Session("cc5fe626".into()))),
            ("person=x%26y&issuer=https%3A%2F%2Fa", Some(person)),
            ("server=web1", Some(EndTarget::Server("web1".parse().unwrap()))),
            ("everything=yes", Some(EndTarget::Everything)),
            ("everything=no", None),
            ("", None),
            ("server=Web_1", None),
            ("person=x", None),
            ("issuer=https%3A%2F%2Fa", None),
            ("session=a&session=b", None),
            ("session=a&everything=yes", None),
            ("session=a&more=b", None),
        ] {
            assert_eq!(target(form.as_bytes()), found, "{form}");
        }
    }
}
