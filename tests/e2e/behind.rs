//! A world behind a real load balancer: whose requests it takes them for, and what strangers and liars get.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;

use lab::balancer::Balancer;
use lab::balancer::CONNECTS_FROM;
use lab::balancer::Setting;
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

use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// A world behind a balancer. Support opens web1's WHM from the office only.
pub(crate) struct Behind {
    pub(crate) stage: Stage,
    pub(crate) balancer: Balancer,
    pub(crate) office: IpAddr,
    pub(crate) elsewhere: IpAddr,
    _claims: Vec<Loopback>,
}

/// The addresses of a world.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    /// From where support may open web1's WHM.
    pub(crate) office: IpAddr,
    /// From where it may not.
    pub(crate) elsewhere: IpAddr,
    /// Where a gateway would be that is down.
    pub(crate) down: IpAddr,
    /// The gateway's; nothing claims one.
    pub(crate) gateway: Option<IpAddr>,
}

impl Behind {
    /// On addresses of loopback that are claimed.
    pub(crate) async fn new(file: &str, lines: &str, style: Style, setting: Setting) -> Self {
        let claims: Vec<Loopback> = (0..3).map(|_| Loopback::claim().unwrap()).collect();
        let places = Places { office: claims[0].ip(), elsewhere: claims[1].ip(), down: claims[2].ip(), gateway: None };
        Self { _claims: claims, ..Self::at(places, file, lines, style, setting).await }
    }

    /// On these addresses. `file` is one of `deploy/`; `lines` are those of `[balancer]`.
    pub(crate) async fn at(places: Places, file: &str, lines: &str, style: Style, setting: Setting) -> Self {
        let Places { office, elsewhere, down, gateway } = places;
        let rule = "services = [\"whostmgrd\"]\naccount = \"support\"";
        assert!(DIRECTORY.contains(rule));
        // The network of an office: one address of IPv4, one customer's /64 of IPv6.
        let network = if office.is_ipv4() { office.to_string() } else { format!("{office}/64").replace("::7/", "::/") };
        let directory = DIRECTORY.replace(rule, &format!("{rule}\nnetworks = [\"{network}\"]"));
        // Whoever connects to ::1 and asks for no address comes from there.
        let from = gateway.map_or(CONNECTS_FROM.to_owned(), |ip| ip.to_string());
        let mut more = format!("[balancer]\naddresses = [\"{from}\"]\n{lines}");
        if let Some(ip) = gateway {
            let operations = format!("[operations]\naddress = \"{}\"\n", SocketAddr::new(ip, 9090));
            more.push_str(&operations);
        }
        let plan = Plan { more, directory: Some(directory), gateway, ..Plan::tls(style) };
        let world = World::start(plan).await.unwrap();
        if lines.contains("tls = \"balancer\"") {
            let text = std::fs::read_to_string(world.config()).unwrap();
            let (before, _) = text.split_once("[tls]").unwrap();
            std::fs::write(world.config(), before).unwrap();
        }
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        // The second gateway of the file is down: whoever is sent there goes to the first.
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let balancer = Balancer::start_as(&file, &world, [world.gateway(), down], setting).await.unwrap();
        if file.extension().is_some_and(|extension| extension == "cfg") {
            balancer.says("Server gateways/two is DOWN").await.unwrap();
        }
        Self { stage: Stage { world, gateway }, balancer, office, elsewhere, _claims: Vec::new() }
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
    pub(crate) async fn knows_whose_requests_they_are(&self) {
        let (office, elsewhere) = (self.office, self.elsewhere);
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
    pub(crate) async fn leaves_strangers_outside(&self) {
        let gateway = self.stage.world.gateway();
        // From an address of IPv6 nobody gets to one of IPv4: then from any that is no balancer's.
        let other = Loopback::claim().unwrap();
        let from = if self.office.is_ipv4() == gateway.is_ipv4() { self.office } else { other.ip() };
        let mut direct = self.stage.browser();
        direct.move_to(from);
        for (name, value) in spoofs(self.office) {
            let ask = Ask::get(Errand::Page, self.stage.world.console()).header(name, &value);
            assert!(direct.ask(ask).await.is_err(), "{name}");
        }
        let family = if self.office.is_ipv4() && gateway.is_ipv4() { "TCP4" } else { "TCP6" };
        let header = format!("PROXY {family} {} {gateway} 40000 443\r\n", self.office);
        let ports: &[u16] = if self.stage.world.style() == Style::Ports { &[443, 2087] } else { &[443] };
        for &port in ports {
            let bytes = format!("{header}GET / HTTP/1.1\r\nHost: connect.example.com\r\n\r\n");
            let answer = exchange(from, (gateway, port).into(), &bytes).await;
            assert_eq!(answer, "", "{port}");
        }
        self.stage.gateway.wait_for_output("refused a connection that comes from no balancer").await.unwrap();
    }
}

/// What somebody may send who wants to be taken for another.
fn spoofs(address: IpAddr) -> [(&'static str, String); 5] {
    let node = if address.is_ipv4() { address.to_string() } else { format!("\"[{address}]\"") };
    [
        ("x-forwarded-for", address.to_string()),
        ("x-forwarded-for", format!("{address}, {CONNECTS_FROM}")),
        ("forwarded", format!("for={node};proto=https")),
        ("forwarded", format!("for={node};proto=https;host=\"")),
        ("x-real-ip", address.to_string()),
    ]
}

/// Sends bytes from an address and gives what comes back until the end.
pub(crate) async fn exchange(from: IpAddr, to: SocketAddr, bytes: &str) -> String {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    // It may be closed before all of it is sent.
    drop(stream.write_all(bytes.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A log without its colours.
pub(crate) fn plain(log: &str) -> String {
    let mut plain = String::new();
    for (place, part) in log.split('\u{1b}').enumerate() {
        plain.push_str(if place == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
    }
    plain
}
