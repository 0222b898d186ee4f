//! Programs of other makers that run beside cpsrvd, such as phpMyAdmin: it checks session and security token, and
//! passes the request on to them.

use std::net::SocketAddr;
use std::sync::Mutex;

use http::HeaderName;
use http::StatusCode;
use http::header;
use reqwest::Client;
use reqwest::redirect::Policy;

use super::answer::Answer;
use super::answer::Body;
use super::answer::TEXT;
use super::exchange::Exchange;
use super::session::Session;
use super::streams;
use super::sync::lock;

/// Says to a tool under which address the browser has it.
const ADDRESS: HeaderName = HeaderName::from_static("lab-address");

/// Which tool answers below which path.
#[derive(Debug, Default)]
pub(super) struct Tools(Mutex<Vec<Tool>>);

/// A tool that is installed.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    path: String,
    address: SocketAddr,
    client: Client,
}

impl Tools {
    pub(super) fn install(&self, path: &str, address: SocketAddr) -> anyhow::Result<()> {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        lock(&self.0).push(Tool { path: path.to_owned(), address, client });
        Ok(())
    }

    pub(super) fn at(&self, path: &str) -> Option<Tool> {
        lock(&self.0).iter().find(|tool| path.starts_with(&tool.path)).cloned()
    }
}

impl Tool {
    /// What the tool answers to a request that the server has let through. A WebSocket is the tool's from its
    /// handshake on.
    pub(super) async fn answer(&self, exchange: &Exchange<'_>, session: &Session) -> Answer {
        if streams::is_handshake(exchange) {
            return Answer::takeover(streams::of_tool(exchange, self.address)).by(&session.user, 's');
        }
        let answer = self.ask(exchange, session).await.unwrap_or_else(|error| {
            exchange.shared.log.error(&format!("{}: {error:#}", self.path));
            Answer::new(502, "Bad Gateway", TEXT, "The tool does not answer.\n")
        });
        answer.by(&session.user, 's')
    }

    async fn ask(&self, exchange: &Exchange<'_>, session: &Session) -> anyhow::Result<Answer> {
        let request = exchange.request;
        let url = match exchange.query {
            "" => format!("http://{}{}", self.address, exchange.path),
            query => format!("http://{}{}?{query}", self.address, exchange.path),
        };
        let host = request.header("Host").unwrap_or(&exchange.shared.hostname);
        let own = format!("https://{host}{}{}", session.security_token, self.path);
        let mut ask =
            self.client.request(request.method.parse()?, url).header(ADDRESS, own).body(exchange.body.clone());
        for (name, value) in &request.headers {
            let name: HeaderName = name.parse()?;
            if !is_of_the_hop(&name) && name != header::HOST {
                ask = ask.header(name, value);
            }
        }
        let from = ask.send().await?;
        let reason = from.status().canonical_reason().unwrap_or("Unknown");
        let mut answer = Answer::new(from.status().as_u16(), reason, TEXT, Vec::new());
        answer.headers.clear();
        for (name, value) in from.headers() {
            if !is_of_the_hop(name) {
                answer.headers.push((name.to_string().into(), value.to_str()?.to_owned()));
            }
        }
        let empty = matches!(from.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        answer.body = Body::Full(if empty { Vec::new() } else { from.bytes().await?.to_vec() });
        Ok(answer)
    }
}

/// What belongs to one connection (RFC 9110 section 7.6.1), or is made anew from the body.
fn is_of_the_hop(name: &HeaderName) -> bool {
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE, header::TE].contains(name)
}
