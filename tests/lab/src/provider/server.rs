//! The listener, and which path is which endpoint.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::pki;
use crate::provider::authorize;
use crate::provider::directories;
use crate::provider::discovery;
use crate::provider::logout;
use crate::provider::misbehaviour::EndpointFault;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::push;
use crate::provider::state::Recorded;
use crate::provider::state::State;
use crate::provider::tokens;

/// Longest request body that is read.
const MAX_BODY: usize = 64 * 1024;

/// A request whose body has been read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Query parameters, decoded.
    pub(super) query: Vec<(String, String)>,
    /// Form fields of the body, decoded.
    pub(super) form: Vec<(String, String)>,
}

impl Asked {
    /// A query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// A form field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }

    /// A form field of a POST, or a query parameter of a GET.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        if self.method == Method::POST { self.field(name) } else { self.query(name) }
    }

    /// A header that is text.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|line| line.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('=')))
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The TLS side of the listener.
pub(super) fn tls_acceptor(identity: &pki::Identity) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .context("the provider's certificate is not PEM")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("the provider's key is not PEM")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until it is aborted; its connections end with it.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, tls.clone(), Arc::clone(&state)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the provider could not accept a connection");
                    // Out of descriptors: let some connections end before trying again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let outcome = match tls {
        None => http(stream, state).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => http(stream, state).await,
            Err(error) => Err(error.into()),
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection to the provider ended early");
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) -> Result<(), Failure> {
    let service = service_fn(move |request| handle(Arc::clone(&state), request));
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
}

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    let path = head.uri.path().strip_prefix(state.base.as_str()).unwrap_or_default().to_owned();
    let query = head.uri.query().unwrap_or_default();
    let asked = Asked {
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        form: url::form_urlencoded::parse(&body).into_owned().collect(),
        method: head.method,
        headers: head.headers,
    };
    state.record(Recorded {
        method: asked.method.to_string(),
        path: path.clone(),
        query: query.to_owned(),
        authorization: asked.header(header::AUTHORIZATION).unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let refreshes = asked.field("grant_type") == Some("refresh_token");
    if let Some(fault) = fault_of(&state, &path, refreshes) {
        return fail(fault).await;
    }
    match route(&state, &path, &asked) {
        Ok(answer) => Ok(answer),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the provider failed");
            Ok(pages::message(StatusCode::INTERNAL_SERVER_ERROR, "Something failed", "The provider's log says what."))
        }
    }
}

fn route(state: &State, path: &str, asked: &Asked) -> anyhow::Result<Answer> {
    match (asked.method.as_str(), path) {
        ("GET", "/.well-known/openid-configuration") => Ok(discovery::document(state)),
        ("GET", "/jwks") => discovery::jwks(state),
        ("GET" | "POST", "/authorize") => authorize::authorize(state, asked),
        ("POST", "/sign-in") => authorize::sign_in(state, asked),
        ("POST", "/par") => push::push(state, asked),
        ("GET", "/graph/v1.0/me") => Ok(directories::graph_me(state, asked)),
        ("GET", "/graph/v1.0/me/transitiveMemberOf") => Ok(directories::graph_memberships(state, asked)),
        ("GET", "/google/admin/directory/v1/groups") => Ok(directories::google_groups(state, asked)),
        ("POST", "/google/token") => directories::google_token(state, asked),
        ("POST", "/token") => tokens::token(state, asked),
        ("GET" | "POST", "/userinfo") => tokens::userinfo(state, asked),
        ("GET" | "POST", "/logout") => logout::end_session(state, asked),
        _ => Ok(pages::message(StatusCode::NOT_FOUND, "Nothing here", "The provider has no such page.")),
    }
}

fn fault_of(state: &State, path: &str, refreshes: bool) -> Option<EndpointFault> {
    let misbehaviour = state.misbehaviour();
    match path {
        "/.well-known/openid-configuration" => misbehaviour.discovery.clone(),
        "/jwks" => misbehaviour.jwks.clone(),
        "/token" if refreshes && misbehaviour.refresh.is_some() => misbehaviour.refresh.clone(),
        "/token" => misbehaviour.token.clone(),
        "/userinfo" => misbehaviour.userinfo.clone(),
        "/par" => misbehaviour.push.clone(),
        "/graph/v1.0/me/transitiveMemberOf" | "/google/admin/directory/v1/groups" => misbehaviour.directory.clone(),
        "/google/token" => misbehaviour.google_token.clone(),
        _ => None,
    }
}

async fn fail(fault: EndpointFault) -> Result<Answer, Failure> {
    match fault {
        EndpointFault::Status(status) => {
            Ok(pages::message(StatusCode::from_u16(status)?, "Told to fail", "This answer was asked for."))
        }
        EndpointFault::OAuthError(code) => Ok(tokens::error(StatusCode::BAD_REQUEST, code)),
        EndpointFault::Garbage => Ok(pages::json_text("<!doctype html><p>not JSON")),
        EndpointFault::Json(text) => Ok(pages::json_text(text)),
        EndpointFault::Endless => Ok(pages::endless()),
        EndpointFault::Silent => std::future::pending().await,
        EndpointFault::Stalled => Ok(pages::stalled()),
        EndpointFault::HangUp => Err(io::Error::other("told to hang up").into()),
        EndpointFault::Redirect(to) => Ok(pages::redirect(StatusCode::TEMPORARY_REDIRECT, &to)?),
    }
}
