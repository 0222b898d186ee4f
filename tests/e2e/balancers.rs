//! Behind real load balancers, on the files in `deploy/`: whose request it is, in the log, the audit events and
//! the rules; what strangers and liars get.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;

use lab::balancer::Balancer;
use lab::balancer::CONNECTS_FROM;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Message;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::loopback::Loopback;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::until;

/// A world behind a balancer. Support opens web1's WHM from one address only.
struct Behind {
    stage: Stage,
    balancer: Balancer,
    office: Loopback,
    elsewhere: Loopback,
}

impl Behind {
    async fn new(file: &str, lines: &str) -> Self {
        Self::with(file, lines, Style::Ports).await
    }

    async fn with(file: &str, lines: &str, style: Style) -> Self {
        let (office, elsewhere) = (Loopback::claim().unwrap(), Loopback::claim().unwrap());
        let rule = "services = [\"whostmgrd\"]\naccount = \"support\"";
        assert!(DIRECTORY.contains(rule));
        let directory = DIRECTORY.replace(rule, &format!("{rule}\nnetworks = [\"{}\"]", office.ip()));
        let more = format!("[balancer]\naddresses = [\"{CONNECTS_FROM}\"]\n{lines}");
        let plan = Plan { more, directory: Some(directory), ..Plan::tls(style) };
        let world = World::start(plan).await.unwrap();
        if lines.contains("tls = \"balancer\"") {
            let text = std::fs::read_to_string(world.config()).unwrap();
            let (before, _) = text.split_once("[tls]").unwrap();
            std::fs::write(world.config(), before).unwrap();
        }
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        // The second gateway of the file is down: whoever is sent there goes to the first.
        let down = Loopback::claim().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let balancer = Balancer::start(&file, &world, [world.gateway(), down.ip()]).await.unwrap();
        Self { stage: Stage { world, gateway }, balancer, office, elsewhere }
    }

    /// A browser that comes through the balancer from this address.
    fn browser(&self, from: IpAddr) -> Browser {
        let mut browser = self.stage.browser();
        browser.lead_to(&self.stage.world, self.balancer.ip()).unwrap();
        browser.move_to(from);
        browser
    }

    fn clients(&self) -> Vec<String> {
        let events = self.stage.events();
        events.iter().filter_map(|event| event["client"].as_str().map(str::to_owned)).collect()
    }

    /// A person who works, moves and lies about it.
    async fn knows_whose_requests_they_are(&self) {
        let (office, elsewhere) = (self.office.ip(), self.elsewhere.ip());
        let mut browser = self.browser(office);
        let console = browser.sign_in("sam").await.unwrap();
        let panel = browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
        let clients = self.clients();
        assert!(clients.len() >= 2 && clients.iter().all(|client| *client == office.to_string()), "{clients:?}");
        let named = format!("client={office}");
        until("the log names the person", || plain(&self.stage.gateway.output()).contains(&named)).await;

        browser.move_to(elsewhere);
        let url = panel.url.as_str();
        assert_eq!(browser.fetch(&panel, url).await.unwrap().status, 403, "the rule is for the office");
        for (name, value) in spoofs(office) {
            let spoofed = Ask::get(Errand::Fetch, url).by(&panel).header(name, &value);
            let answer = browser.ask(spoofed).await.unwrap();
            assert_eq!(answer.status, 403, "{name}: {value}");
        }
        let denied = self.stage.events().into_iter().rfind(|event| event["outcome"] == "denied").unwrap();
        assert_eq!(denied["client"], elsewhere.to_string());
        // From the office the lies do no harm, and there is nothing that does not work.
        browser.move_to(office);
        for (name, value) in spoofs(elsewhere) {
            let spoofed = Ask::get(Errand::Fetch, url).by(&panel).header(name, &value);
            assert_eq!(browser.ask(spoofed).await.unwrap().status, 200, "{name}: {value}");
        }
        self.carries_sockets_and_uploads(&browser, &console).await;
        assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    }

    async fn carries_sockets_and_uploads(&self, browser: &Browser, console: &Page) {
        let panel = browser.open(console, "web2", "cpaneld", "bob").await.unwrap();
        let token = panel.url.path().split('/').nth(1).unwrap();
        let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
        let mut socket = browser.shake(Http::One, &panel, &address, &[]).await.unwrap().opened().unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary("double# "));
        let body = "x".repeat(60_000);
        let ask = Ask::get(Errand::Fetch, panel.url.as_str()).by(&panel).post("text/plain", body);
        assert_eq!(browser.ask(ask).await.unwrap().status, 200);
    }

    /// Nobody but the balancer gets as far as a word.
    async fn leaves_strangers_outside(&self) {
        let gateway = self.stage.world.gateway();
        let mut direct = self.stage.browser();
        direct.move_to(self.office.ip());
        for (name, value) in spoofs(self.office.ip()) {
            let ask = Ask::get(Errand::Page, self.stage.world.console()).header(name, &value);
            assert!(direct.ask(ask).await.is_err(), "{name}");
        }
        let header = format!("PROXY TCP4 {} {gateway} 40000 443\r\n", self.office.ip());
        let ports: &[u16] = if self.stage.world.style() == Style::Ports { &[443, 2087] } else { &[443] };
        for &port in ports {
            let bytes = format!("{header}GET / HTTP/1.1\r\nHost: connect.example.com\r\n\r\n");
            let answer = exchange(self.office.ip(), (gateway, port).into(), &bytes).await;
            assert_eq!(answer, "", "{port}");
        }
        self.stage.gateway.wait_for_output("refused a connection that comes from no balancer").await.unwrap();
    }
}

/// What somebody may send who wants to be taken for another.
fn spoofs(address: IpAddr) -> [(&'static str, String); 5] {
    [
        ("x-forwarded-for", address.to_string()),
        ("x-forwarded-for", format!("{address}, {CONNECTS_FROM}")),
        ("forwarded", format!("for={address};proto=https")),
        ("forwarded", format!("for={address};proto=https;host=\"")),
        ("x-real-ip", address.to_string()),
    ]
}

/// Sends bytes from an address and gives what comes back until the end.
async fn exchange(from: IpAddr, to: SocketAddr, bytes: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    // It may be closed before all of it is sent.
    drop(stream.write_all(bytes.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A log without its colours.
fn plain(log: &str) -> String {
    let mut plain = String::new();
    for (place, part) in log.split('\u{1b}').enumerate() {
        plain.push_str(if place == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
    }
    plain
}

#[tokio::test]
async fn haproxy_passes_tls_through_with_the_proxy_protocol_2() {
    let behind = Behind::new("haproxy/passthrough.cfg", "client = \"proxy_protocol\"\n").await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
    // A header of one's own behind that of the balancer is no handshake.
    let lie = format!("PROXY TCP4 {} 127.0.0.1 40000 443\r\n", behind.office.ip());
    let answer = exchange(behind.elsewhere.ip(), (behind.balancer.ip(), 443).into(), &lie).await;
    assert!(!answer.contains("HTTP"), "{answer}");
}

#[tokio::test]
async fn nginx_passes_tls_through_with_the_proxy_protocol_1() {
    let behind = Behind::new("nginx/passthrough.conf", "client = \"proxy_protocol\"\n").await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

#[tokio::test]
async fn haproxy_ends_tls_and_says_forwarded() {
    let lines = "client = \"forwarded\"\ntls = \"balancer\"\n";
    let behind = Behind::new("haproxy/terminating.cfg", lines).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

#[tokio::test]
async fn nginx_ends_tls_and_says_x_forwarded_for() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n";
    let behind = Behind::with("nginx/terminating.conf", lines, Style::Hosts).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

/// The balancer's own connection, with these lines in a request for the console.
async fn from_balancer(world: &World, lines: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((world.gateway(), 443)).await.unwrap();
    let bytes = format!(
        "GET / HTTP/1.1\r\nHost: connect.example.com\r\nAccept: application/json\r\n{lines}Connection: close\r\n\r\n"
    );
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_balancer_has_to_say_whose_request_it_is_and_that_it_was_over_tls() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n";
    let behind = Behind::new("nginx/terminating.conf", lines).await;
    let world = &behind.stage.world;
    let https = "X-Forwarded-Proto: https\r\n";
    for (lines, status, code) in [
        (https.to_owned(), 400, "client_unknown"),
        (format!("X-Forwarded-For: somebody\r\n{https}"), 400, "client_unknown"),
        (format!("Forwarded: for=192.0.2.7;proto=https\r\n{https}"), 400, "client_unknown"),
        ("X-Forwarded-For: 192.0.2.7\r\n".to_owned(), 400, "not_over_tls"),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n".to_owned(), 400, "not_over_tls"),
        (format!("X-Forwarded-For: 192.0.2.7\r\n{https}"), 401, "signed_out"),
    ] {
        let (found, answer) = from_balancer(world, &lines).await;
        assert_eq!(found, status, "{lines}: {answer}");
        assert!(answer.contains(code), "{lines}: {answer}");
    }
}

/// Sends the beginning of something on the balancer's own connection, and keeps it open.
async fn begun(world: &World, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect((world.gateway(), 443)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// The bound is about people, not about the balancer that brings them all.
#[tokio::test]
async fn requests_of_one_address_are_bounded_where_they_share_connections() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n[limits]\nconnections_per_address = 2\n";
    let behind = Behind::new("nginx/terminating.conf", lines).await;
    let world = &behind.stage.world;
    let from = |client: &str| format!("X-Forwarded-For: {client}\r\nX-Forwarded-Proto: https\r\n");
    let slow = format!(
        "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\n{}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nl",
        from("192.0.2.7")
    );
    // One that comes while we ask may find no room itself, so more come until there is none.
    let (mut held, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while from_balancer(world, &from("192.0.2.7")).await.0 != 429 {
        assert!(Instant::now() < deadline, "never full");
        held.push(begun(world, &slow).await);
    }
    assert_eq!(from_balancer(world, &from("192.0.2.8")).await.0, 401);
    drop(held);
    while from_balancer(world, &from("192.0.2.7")).await.0 != 401 {
        assert!(Instant::now() < deadline, "no room again");
    }
}

#[tokio::test]
async fn connections_of_one_address_are_bounded_where_the_proxy_protocol_tells_them_apart() {
    let lines = "client = \"proxy_protocol\"\n[limits]\nconnections_per_address = 2\n";
    let behind = Behind::new("nginx/passthrough.conf", lines).await;
    let world = &behind.stage.world;
    let header = |client: &str| format!("PROXY TCP4 {client} 203.0.113.10 40000 443\r\n");
    // What is no handshake is told so, where it got as far as that.
    let gets = async |client: &str| {
        let mut stream = begun(world, &format!("{}no handshake", header(client))).await;
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        !answer.is_empty()
    };
    let (mut held, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while gets("192.0.2.7").await {
        assert!(Instant::now() < deadline, "it is never full");
        held.push(begun(world, &header("192.0.2.7")).await);
    }
    assert!(gets("192.0.2.8").await, "others have room");
    drop(held);
    while !gets("192.0.2.7").await {
        assert!(Instant::now() < deadline, "no room again");
    }
}
