//! Restarts that nobody notices: a single gateway on sockets that somebody else holds, and replicas behind a real
//! balancer, one after the other.

use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use lab::balancer::Balancer;
use lab::balancer::CONNECTS_FROM;
use lab::browser::Browser;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Replica;
use lab::world::Style;
use lab::world::World;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::net::UnixDatagram;
use tokio::process::Child;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::operations;
use crate::stage::until;

/// Somebody who works all the time: a new browser with new connections for every request, and one that keeps its
/// connections. Every request has to be answered.
struct Load {
    answered: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn begin(world: &Arc<World>, ip: IpAddr, browser: Browser, console: Page) -> Self {
        let (answered, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (browser, console) = (Arc::new(browser), Arc::new(console));
        let task = |anew: bool| {
            let (world, browser, console) = (Arc::clone(world), Arc::clone(&browser), Arc::clone(&console));
            let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let other = anew.then(|| at(&world, ip, Some(&browser)));
                    let answer = other.as_ref().unwrap_or(&browser).fetch(&console, "/api/session").await;
                    match answer {
                        Ok(page) if page.status == 204 => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Ok(page) => failed.push(format!("{} {}", page.status, page.text())),
                        Err(error) => failed.push(format!("{error:#}")),
                    }
                }
                failed
            })
        };
        let tasks = vec![task(true), task(true), task(false)];
        Self { answered, stop, tasks }
    }

    /// Waits for some more answers.
    async fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("more answers", || self.answered.load(Ordering::Relaxed) > before + 20).await;
    }

    /// Ends it; every request was answered.
    async fn was_answered(self) {
        self.stop.store(true, Ordering::Relaxed);
        let answered = self.answered.load(Ordering::Relaxed);
        for task in self.tasks {
            let failed = task.await.unwrap();
            assert!(failed.is_empty(), "{} of {answered} failed: {failed:#?}", failed.len());
        }
    }
}

/// A browser whose names lead to this address.
fn at(world: &World, ip: IpAddr, like: Option<&Browser>) -> Browser {
    let mut browser = Browser::new(world).unwrap();
    browser.lead_to(world, ip).unwrap();
    if let Some(like) = like {
        browser.steal_cookies(like);
    }
    browser
}

/// A service manager that holds the sockets.
struct Holder {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Holder {
    fn start(world: &World, ports: &str, notify: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/src/sockets.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(world.gateway().to_string())
            .args([ports, BINARY, "serve", "--config"])
            .arg(world.config())
            .env("NOTIFY_SOCKET", notify)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The process id of the program that it has started next.
    async fn next(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap().unwrap()
    }
}

async fn told(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let read = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn on_sockets_that_are_held_a_restart_refuses_nobody_and_the_manager_is_told() {
    let world = Arc::new(World::start(Plan::tls(Style::Ports)).await.unwrap());
    let notify = world.folder().join("notify");
    let socket = UnixDatagram::bind(&notify).unwrap();
    let mut holder = Holder::start(&world, "443,2083,2087,2096", &notify);
    let mut pid = holder.next().await;
    assert_eq!(told(&socket).await, "READY=1\n");
    let browser = at(&world, world.gateway(), None);
    let console = browser.sign_in("ada").await.unwrap();
    let load = Load::begin(&world, world.gateway(), browser, console);
    for _ in 0..2 {
        load.goes_on().await;
        let status = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(status.success());
        assert_eq!(told(&socket).await, "STOPPING=1\n");
        pid = holder.next().await;
        assert_eq!(told(&socket).await, "READY=1\n");
    }
    load.goes_on().await;
    load.was_answered().await;
    holder.child.kill().await.unwrap();
    drop(Command::new("kill").args(["-KILL", &pid]).status().await);
}

#[tokio::test]
async fn a_socket_that_nobody_asked_for_stops_the_start() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let mut holder = Holder::start(&world, "443,8443", &world.folder().join("nobody"));
    let mut said = String::new();
    let mut errors = holder.child.stderr.take().unwrap();
    tokio::time::timeout(PATIENCE, errors.read_to_string(&mut said)).await.unwrap().unwrap();
    assert!(said.contains(":8443 was handed over") && said.contains("ended with 70"), "{said}");
}

async fn ready(replica: &Replica) {
    let deadline = Instant::now() + PATIENCE;
    while !matches!(operations(replica.operations(), "/readyz", "*/*").await, Ok((200, _))) {
        assert!(Instant::now() < deadline, "never ready");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn replicas_restart_one_after_the_other_behind_haproxy_without_a_failed_request() {
    let database = Postgres::start().await.unwrap();
    let more = format!(
        "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n[limits]\nstore_connections = 5\n\
         [balancer]\naddresses = [\"{CONNECTS_FROM}\"]\nclient = \"proxy_protocol\"\n"
    );
    let world = Arc::new(World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap());
    std::fs::write(world.folder().join("database"), database.url("panelgate")).unwrap();
    std::fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
    let replicas = [world.replica("one").unwrap(), world.replica("two").unwrap()];
    let mut gateways = Vec::new();
    for replica in &replicas {
        gateways.push(Gateway::spawn_replica(BINARY, &world, replica).await.unwrap());
        ready(replica).await;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy/passthrough.cfg");
    let balancer = Balancer::start(&file, &world, [replicas[0].ip(), replicas[1].ip()]).await.unwrap();
    let browser = at(&world, balancer.ip(), None);
    let console = browser.sign_in("ada").await.unwrap();
    let load = Load::begin(&world, balancer.ip(), browser, console);
    for (replica, name) in replicas.iter().zip(["one", "two"]) {
        load.goes_on().await;
        let ended = gateways.remove(0).stop().await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.output);
        load.goes_on().await;
        gateways.push(Gateway::spawn_replica(BINARY, &world, replica).await.unwrap());
        ready(replica).await;
        balancer.says(&format!("Server gateways/{name} is UP")).await.unwrap();
    }
    load.goes_on().await;
    load.was_answered().await;
}
