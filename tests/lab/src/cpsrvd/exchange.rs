//! One request on its way through the double, and what can be read off it.

use std::io::Error;
use std::net::IpAddr;
use std::sync::Arc;

use url::form_urlencoded;

use super::answer::Answer;
use super::service::Service;
use super::shared::Shared;
use super::switches::Switches;
use super::transport::Incoming;
use super::transport::Peer;
use super::transport::Request;

/// Bytes of a body that is read as a whole. Uploads are streamed.
const MAX_BODY: usize = 1 << 20;

/// One request with everything that is needed to answer it.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) switches: &'a Switches,
    pub(super) request: &'a Request,
    pub(super) peer: &'a Peer,
    pub(super) incoming: Incoming<'a>,
    /// The body, once it was read.
    pub(super) body: Vec<u8>,
    /// `/cpsess##########`, if it is the first path element.
    pub(super) token: Option<&'a str>,
    /// The path without it.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        switches: &'a Switches,
        request: &'a Request,
        peer: &'a Peer,
        incoming: Incoming<'a>,
    ) -> Self {
        let (token, path, query) = split_token(&request.target);
        Self { shared, switches, request, peer, incoming, body: Vec::new(), token, path, query }
    }

    pub(super) fn service(&self) -> Service {
        self.peer.endpoint.service
    }

    pub(super) fn is_get(&self) -> bool {
        matches!(&*self.request.method, "GET" | "HEAD")
    }

    pub(super) fn is_post(&self) -> bool {
        self.request.method == "POST"
    }

    /// Whether the request submits something in its body.
    pub(super) fn has_body(&self) -> bool {
        !self.body.is_empty() || !self.incoming.is_finished()
    }

    /// Reads the body. Says no if it is too large to be read as a whole.
    pub(super) async fn read_body(&mut self) -> Result<bool, Error> {
        let body = self.incoming.collect(MAX_BODY).await?;
        let complete = body.is_some();
        self.body = body.unwrap_or_default();
        Ok(complete)
    }

    /// The fields of the query.
    pub(super) fn query_fields(&self) -> Fields {
        Fields::parse(self.query.as_bytes())
    }

    /// The fields of a form in the body.
    pub(super) fn form_fields(&self) -> Fields {
        let form = self
            .request
            .header("Content-Type")
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        if form { Fields::parse(&self.body) } else { Fields(Vec::new()) }
    }

    /// The fields of query and form, the form's first.
    pub(super) fn fields(&self) -> Fields {
        let mut fields = self.form_fields();
        fields.0.extend(self.query_fields().0);
        fields
    }

    /// The address that validation and logs use: the TCP peer's, unless a proxy on the same machine is believed.
    pub(super) fn client(&self) -> IpAddr {
        let peer = self.peer.address.ip();
        let forwarded = || self.request.header("X-Forwarded-For")?.split(',').next()?.trim().parse().ok();
        if self.switches.local_proxy && peer.is_loopback() { forwarded().unwrap_or(peer) } else { peer }
    }

    /// The name under which the client knows this server, without a port.
    pub(super) fn host(&self) -> &str {
        match self.request.header("Host") {
            Some(host) if self.switches.absolute_from_host => without_port(host),
            Some(_) | None => &self.shared.hostname,
        }
    }

    /// The origin of a service of this server, under the name that the client uses.
    pub(super) fn origin(&self, service: Service) -> String {
        let endpoint = super::service::Endpoint { service, tls: self.peer.endpoint.tls };
        format!("{}://{}:{}", endpoint.scheme(), self.host(), endpoint.port())
    }

    /// The origin that the request was sent to: the name of `Host` and the port it came in on, which is what
    /// cpsrvd is seen to put into redirects when `Host` has another port or none.
    pub(super) fn addressed(&self) -> String {
        let endpoint = self.peer.endpoint;
        let host = self.request.header("Host").map_or(&*self.shared.hostname, without_port);
        format!("{}://{host}:{}", endpoint.scheme(), endpoint.port())
    }

    /// A redirect in the form that the switches say.
    pub(super) fn redirect(&self, status: u16, path: &str) -> Answer {
        if self.switches.absolute_redirects {
            Answer::redirect(status, &format!("{}{path}", self.origin(self.service())))
        } else {
            Answer::redirect(status, path)
        }
    }
}

/// Splits a request target into security token, path and query.
pub(super) fn split_token(target: &str) -> (Option<&str>, &str, &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let first = path.get(1..).unwrap_or_default().split('/').next().unwrap_or_default();
    let digits = first.strip_prefix("cpsess").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return (None, path, query);
    }
    match path.split_at_checked(first.len() + 1) {
        Some((token, "")) => (Some(token), "/", query),
        Some((token, rest)) => (Some(token), rest, query),
        None => (None, path, query),
    }
}

/// A `Host` value without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Decoded names and values of a query or a form, in order.
#[derive(Clone, Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The values of `name`, `name-0`, `name-1`, … in order: the vendor's way to write a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let is_member = |field: &str| {
            field == name
                || field
                    .strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.0.iter().filter(|(field, _)| is_member(field)).map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_security_token_counts_only_as_the_first_element() {
        assert_eq!(split_token("/cpsess12/a?b"), (Some("/cpsess12"), "/a", "b"));
        assert_eq!(split_token("/cpsess12"), (Some("/cpsess12"), "/", ""));
        assert_eq!(split_token("/x/cpsess12/"), (None, "/x/cpsess12/", ""));
        assert_eq!(split_token("/cpsess/a"), (None, "/cpsess/a", ""));
        assert_eq!(split_token("/cpsess1x/a"), (None, "/cpsess1x/a", ""));
        assert_eq!(split_token("//cpsess12/a"), (None, "//cpsess12/a", ""));
    }
}
