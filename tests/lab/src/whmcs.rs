//! WHMCS: the tables of its database that an import reads, and a double of its API over TLS.
//!
//! The columns are those that public tools and modules for WHMCS name; the double knows `GetServers` and the
//! three refusals that its documentation of authentication and access control describes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::loopback::Loopback;
use crate::pki::Authority;

/// The tables, empty.
pub const SCHEMA: &str = "
    CREATE TABLE tblservers (
        id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL, ipaddress TEXT NOT NULL,
        assignedips TEXT NOT NULL, hostname TEXT NOT NULL, monthlycost DECIMAL(16,2) NOT NULL DEFAULT 0,
        noc TEXT NOT NULL, statusaddress TEXT NOT NULL,
        nameserver1 TEXT NOT NULL, nameserver1ip TEXT NOT NULL, nameserver2 TEXT NOT NULL, nameserver2ip TEXT NOT NULL,
        nameserver3 TEXT NOT NULL, nameserver3ip TEXT NOT NULL, nameserver4 TEXT NOT NULL, nameserver4ip TEXT NOT NULL,
        nameserver5 TEXT NOT NULL, nameserver5ip TEXT NOT NULL, maxaccounts INT(10) NOT NULL DEFAULT 0,
        type TEXT NOT NULL, username TEXT NOT NULL, password TEXT NOT NULL, accesshash TEXT NOT NULL,
        secure TEXT NOT NULL, port INT(8) DEFAULT NULL, active INT(1) NOT NULL, disabled INT(1) NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
    CREATE TABLE tblserversssoperms (
        id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, server_id INT(10) NOT NULL, role_id INT(10) NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8;
    CREATE TABLE tblservergroups (
        id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL, filltype INT(1) NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8;
    CREATE TABLE tblservergroupsrel (groupid INT(10) NOT NULL, serverid INT(10) NOT NULL)
        ENGINE=InnoDB DEFAULT CHARSET=utf8;
    CREATE TABLE tbladminroles (
        id INT(1) NOT NULL AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL, widgets TEXT NOT NULL, reports TEXT NOT NULL,
        systememails INT(1) NOT NULL, accountemails INT(1) NOT NULL, supportemails INT(1) NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
    CREATE TABLE tbladminperms (
        id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, roleid INT(1) NOT NULL, permid INT(1) NOT NULL
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8;
    CREATE TABLE tbladmins (
        id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, roleid INT(1) NOT NULL, username TEXT NOT NULL,
        password VARCHAR(255) NOT NULL DEFAULT '', email TEXT NOT NULL, disabled INT(1) NOT NULL DEFAULT 0
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8;
";

/// The identifier that the double knows.
pub const IDENTIFIER: &str = "lab-whmcs-identifier-0123456789ab";

/// The secret that goes with it.
pub const SECRET: &str = "lab-whmcs-secret-0123456789abcdef";

/// Longest request that is read.
const LONGEST: usize = 64 * 1024;

/// WHMCS's API on an address of its own. Ended when dropped.
#[derive(Debug)]
pub struct WhmcsApi {
    place: Loopback,
    state: Arc<Mutex<State>>,
    served: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    servers: Value,
    access_key: Option<String>,
    answer: Option<(u16, String)>,
    forms: Vec<Vec<(String, String)>>,
}

impl WhmcsApi {
    /// Starts it on port 443 of an address of its own, with a certificate for that address.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        let place = Loopback::claim()?;
        let identity = authority.issue(&[&place.ip().to_string()])?;
        let listener = TcpListener::bind(place.at(443)).await?;
        let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let tls = TlsAcceptor::from(Arc::new(tls));
        let state = State { servers: json!([]), access_key: None, answer: None, forms: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let served = tokio::spawn(serve(listener, tls, Arc::clone(&state)));
        Ok(Self { place, state, served })
    }

    /// Its address, by number.
    pub fn url(&self) -> String {
        format!("https://{}/", self.place.ip())
    }

    /// What `GetServers` lists from now on.
    pub fn list(&self, servers: Value) {
        lock(&self.state).servers = servers;
    }

    /// From now on our address is not allowed, unless this key comes along.
    pub fn want_access_key(&self, key: &str) {
        lock(&self.state).access_key = Some(key.to_owned());
    }

    /// From now on this is the answer to everything.
    pub fn answer(&self, status: u16, body: &str) {
        lock(&self.state).answer = Some((status, body.to_owned()));
    }

    /// The fields of the requests so far.
    pub fn forms(&self) -> Vec<Vec<(String, String)>> {
        lock(&self.state).forms.clone()
    }
}

impl Drop for WhmcsApi {
    fn drop(&mut self) {
        self.served.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(|request| handle(Arc::clone(&state), request));
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection to WHMCS ended early");
            }
        });
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn handle(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let mut state = lock(&state);
    state.forms.push(form.clone());
    if let Some((status, body)) = &state.answer {
        let builder = Response::builder().status(*status).header(header::LOCATION, "https://elsewhere.example/");
        return Ok(builder.body(Full::new(body.clone().into()))?);
    }
    if head.method != Method::POST || head.uri.path() != "/includes/api.php" {
        let page = Full::new(Bytes::from_static(b"<!doctype html><title>404</title>"));
        return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(page)?);
    }
    let field = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let refuse = |words: &str| (StatusCode::FORBIDDEN, json!({"result": "error", "message": words}));
    let (status, answer) = if state.access_key.is_some() && state.access_key.as_deref() != field("accesskey") {
        refuse("Invalid IP 127.0.0.1")
    } else if (field("identifier"), field("secret")) != (Some(IDENTIFIER), Some(SECRET)) {
        refuse("Authentication Failed")
    } else if field("action") != Some("GetServers") || field("responsetype") != Some("json") {
        (StatusCode::OK, json!({"result": "error", "message": "An API Action is required"}))
    } else {
        (StatusCode::OK, json!({"result": "success", "servers": state.servers, "fetchStatus": false}))
    };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(Full::new(answer.to_string().into()))?)
}
