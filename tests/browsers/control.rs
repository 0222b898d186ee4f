//! A small loopback endpoint through which a journey steers the doubles and looks behind the scenes.
//!
//! - `POST /do/<number of the server>/<act>`: lets something happen to a server (see [`Behind::act`]).
//! - `POST /do/0/<act>`: to the provider, or to the directory (see [`Behind::act_elsewhere`]).
//! - `GET /asked`: how often the provider was asked to sign somebody in.
//! - `GET /seen/<number>`: the requests that reached it; `GET /sessions/<number>`: its live sessions.
//! - `GET /log`, `GET /audit`: what the gateway has written.
//! - `GET /outer`, `GET /inner`: two pages, one framing the other from another site, to see what the browser
//!   does with third-party cookies.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::Planted;
use lab::gateway::Gateway;
use lab::pki;
use lab::pki::Identity;
use lab::world::World;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longer than the gateway waits for any answer.
const FOREVER: Duration = Duration::from_mins(30);

/// The account of the rules of which one can be made to demand more.
const AS_ROOT: &str = "\naccount = \"root\"\n";

/// What it then demands.
const STRONG: &str = "require = { acr = [\"urn:strong\"] }\n";

/// Where the gateway asks a server for a session.
const SESSION_CALL: &str = "/json-api/create_user_session";

/// A page of WHM with much in it.
const ACCOUNTS: &str = "/scripts4/listaccts";

/// The running endpoint.
pub(crate) struct Control {
    port: u16,
}

/// What the endpoint reaches, and what it gives back after it was taken away.
struct Behind {
    world: Arc<World>,
    gateway: Gateway,
    /// What each server has from the start.
    first: [(ApiToken, Identity); 3],
}

impl Control {
    /// Starts it on the gateway's address, where the browsers find every name.
    pub(crate) async fn start(world: Arc<World>, gateway: Gateway) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((world.gateway(), 0)).await?;
        let port = listener.local_addr()?.port();
        let first = [1, 2, 3].map(|number| {
            let server = world.server(number);
            (server.tokens_of("root").remove(0), server.identity())
        });
        let behind = Arc::new(Behind { world, gateway, first });
        tokio::spawn(serve(listener, behind));
        Ok(Self { port })
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(listener: TcpListener, behind: Arc<Behind>) {
    while let Ok((socket, _)) = listener.accept().await {
        let behind = Arc::clone(&behind);
        let service = service_fn(move |request: Request<Incoming>| {
            let behind = Arc::clone(&behind);
            async move { behind.answer(request.method(), request.uri().path()).await }
        });
        // A connection that breaks is seen by the journey, which asked for something.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

impl Behind {
    async fn answer(&self, method: &Method, path: &str) -> Result<Response<Full<Bytes>>, http::Error> {
        let mut words = path.trim_matches('/').split('/');
        let mut next = || words.next().unwrap_or_default();
        let (what, number, act) = (next(), next().parse().unwrap_or_default(), next());
        let text = match (method.as_str(), what) {
            ("POST", "do") if number == 0 => self.act_elsewhere(act).await.map(|()| String::new()),
            ("GET", "asked") => Ok(self.asked().to_string()),
            ("POST", "do") => self.act(number, act).await.map(|()| String::new()),
            ("GET", "seen") => serde_json::to_string(&self.world.server(number).requests()).map_err(Into::into),
            ("GET", "sessions") => Ok(self.world.server(number).sessions().len().to_string()),
            ("GET", "log") => Ok(self.gateway.output()),
            ("GET", "audit") => std::fs::read_to_string(self.world.audit_file()).map_err(Into::into),
            ("GET", "outer") => return page(OUTER),
            ("GET", "inner") => return page(INNER),
            _ => Err(anyhow::anyhow!("there is no {method} {path}")),
        };
        let (status, text) = match text {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
        };
        Response::builder().status(status).body(Full::from(text))
    }

    fn add_to_directory(&self, rule: &str) -> anyhow::Result<()> {
        let file = self.world.folder().join("directory.toml");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(file, text + rule).map_err(Into::into)
    }

    fn take_from_directory(&self, rule: &str) -> anyhow::Result<()> {
        let file = self.world.folder().join("directory.toml");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(file, text.replace(rule, "")).map_err(Into::into)
    }

    /// Lets something happen at the provider, or to what the directory demands of a sign-in as root on web1.
    async fn act_elsewhere(&self, act: &str) -> anyhow::Result<()> {
        let directory = self.world.folder().join("directory.toml");
        match act {
            "forget-browsers" => self.world.provider.forget_browsers(),
            "log-out" => self.log_out("ada").await?,
            "demand-strong" => {
                let text = std::fs::read_to_string(&directory)?;
                std::fs::write(&directory, text.replace(AS_ROOT, &format!("{AS_ROOT}{STRONG}")))?;
            }
            "demand-nothing" => {
                let text = std::fs::read_to_string(&directory)?;
                std::fs::write(&directory, text.replace(&format!("{AS_ROOT}{STRONG}"), AS_ROOT))?;
            }
            _ => anyhow::bail!("there is no act {act}"),
        }
        Ok(())
    }

    fn asked(&self) -> usize {
        self.world.provider.requests().iter().filter(|request| request.path == "/authorize").count()
    }

    /// Tells the gateway that somebody has signed out at the provider, as the provider's own machine does
    /// (OpenID Connect Back-Channel Logout 1.0, section 2.5).
    async fn log_out(&self, login: &str) -> anyhow::Result<()> {
        let form = format!("logout_token={}", self.world.provider.logout_token(login, &[])?);
        let tls = TlsConnector::from(Arc::new(lab::browser::trusting(&self.world, lab::browser::Http::One)?));
        let tcp = TcpStream::connect((self.world.gateway(), 443)).await?;
        let mut stream = tls.connect(ServerName::try_from("connect.example.com")?, tcp).await?;
        let length = form.len();
        let head = "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\nConnection: close\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\nContent-Length:";
        stream.write_all(format!("{head} {length}\r\n\r\n{form}").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        anyhow::ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        Ok(())
    }

    /// Lets something happen to a server, or ends it.
    async fn act(&self, number: usize, act: &str) -> anyhow::Result<()> {
        let first = number.checked_sub(1).and_then(|index| self.first.get(index));
        let (token, identity) = first.context("servers are counted from 1")?;
        let server: &Cpsrvd = self.world.server(number);
        match act {
            "revoke-token" => anyhow::ensure!(server.revoke_token("root", &token.name), "no token was there"),
            "restore-token" => anyhow::ensure!(server.add_token(token.clone()), "a token was there"),
            "change-key" => server.rotate_identity(pki::self_signed(&[server.hostname()])?),
            "restore-key" => server.rotate_identity(identity.clone()),
            "go-down" => server.refuse_connections().await,
            "come-up" => server.accept_connections().await?,
            "be-silent" => server.faults().inject(SESSION_CALL, 1, Fault::Stall(FOREVER)),
            "hang-at-accounts" => server.faults().inject(ACCOUNTS, 1, Fault::Stall(FOREVER)),
            "break-off-at-accounts" => server.faults().inject(ACCOUNTS, 1, Fault::ResetMidBody),
            "trickle" => server.faults().inject("/trickles", 50, Fault::Trickle(Duration::from_secs(1))),
            "be-well" => server.faults().clear(),
            "check-referrers" => server.switch(|switches| {
                switches.referrer_safety = true;
                switches.referrer_blank_safety = true;
            }),
            "forbid-framing" => server.switch(|switches| switches.x_frame = true),
            "close-connections" => server.switch(|switches| switches.keep_alive = false),
            "turn-hostile" => turn_hostile(server),
            "open-to-support" => self.add_to_directory(&support_opens(number))?,
            "close-to-support" => self.take_from_directory(&support_opens(number))?,
            "expire-sessions" => anyhow::ensure!(server.expire_sessions() > 0, "there was no session"),
            _ => anyhow::bail!("there is no act {act}"),
        }
        Ok(())
    }
}

/// A rule that gives support a server as root.
fn support_opens(number: usize) -> String {
    format!(
        "\n[[rules]]\nrole_group = \"Support\"\nservers = [\"web{number}\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n"
    )
}

/// Plants the pages of somebody who has taken the server over.
fn turn_hostile(server: &Cpsrvd) {
    let script = ("Content-Type", "text/javascript".to_owned());
    let file = |text: &str| Planted { status: 200, headers: vec![script.clone()], body: text.into() };
    server.plant("/evil/attack.html", Planted::page(include_str!("../browser/hostile/attack.html"), &[]));
    server.plant("/evil/attacks.js", file(include_str!("../browser/hostile/attacks.js")));
    server.plant("/evil/worker.js", file("self.onfetch = (event) => event.respondWith(new Response('evil'));"));
}

fn page(html: &'static str) -> Result<Response<Full<Bytes>>, http::Error> {
    Response::builder()
        .header(http::header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(http::header::SET_COOKIE, "from-header=1; Path=/")
        .body(Full::from(html))
}

const OUTER: &str = r#"<!doctype html><title>outer</title><iframe id="frame"></iframe>
<script>document.getElementById("frame").src = `http://third.example:${location.port}/inner`</script>"#;

const INNER: &str = r#"<!doctype html><title>inner</title><p id="cookies">...</p>
<script>document.cookie = "from-script=1; Path=/"; document.getElementById("cookies").textContent = `[${document.cookie}]`</script>"#;
