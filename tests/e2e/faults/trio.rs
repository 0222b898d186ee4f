//! Three gateways behind the real `HAProxy` on one PostgreSQL, and people who work there.
//!
//! Each gateway reaches the database by a way of its own, and all of them leave from one address, as the
//! documentation recommends.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use lab::balancer::CONNECTS_FROM;
use lab::browser::Browser;
use lab::browser::Page;
use lab::detour::Detour;
use lab::gateway::Gateway;
use lab::haproxy::Haproxy;
use lab::loopback::Loopback;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Replica;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use super::people::Mark;
use super::people::Outcome;
use super::people::People;
use super::people::Person;
use crate::behind::plain;
use crate::replicas::until_ready;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::events_in;
use crate::stage::until;

/// People for each gateway; the first has a terminal and an event stream.
const EACH: usize = 2;

/// A person's seat: an address from which the balancer leads to one gateway.
type Seat = Loopback;

/// All of it.
pub(crate) struct Trio {
    pub(crate) world: World,
    pub(crate) database: Postgres,
    /// Each gateway's way to the database.
    pub(crate) ways: Vec<Detour>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) gateways: Vec<Option<Gateway>>,
    pub(crate) balancer: Haproxy,
    pub(crate) people: People,
    seats: Vec<Vec<Seat>>,
    /// Who has signed out: what they had open, with what is asked for to see whether it is open again.
    left: Vec<(Browser, Page, String)>,
}

impl Trio {
    /// Starts everything, and has people begin to work at each gateway.
    pub(crate) async fn start() -> Self {
        Self::on(Postgres::start().await.unwrap()).await
    }

    /// The same on this database.
    pub(crate) async fn on(database: Postgres) -> Self {
        let more = format!(
            "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n\
             [balancer]\naddresses = [\"{CONNECTS_FROM}\"]\nclient = \"proxy_protocol\"\n\
             [upstream]\negress = \"shared\"\n[limits]\nstore_connections = 5\ndrain_seconds = 2\n"
        );
        let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
        world.server(1).switch(|switches| switches.trickle_lines = 1_000_000);
        std::fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
        let (mut ways, mut replicas, mut gateways) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..3 {
            let way = Detour::to(database.address()).await.unwrap();
            let replica = replica(&world, Haproxy::name(place), &database, &way);
            gateways.push(Some(Gateway::spawn_replica(BINARY, &world, &replica).await.unwrap()));
            until_ready(&replica, 200).await;
            ways.push(way);
            replicas.push(replica);
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy/passthrough.cfg");
        let ips = [replicas[0].ip(), replicas[1].ip(), replicas[2].ip()];
        let balancer = Haproxy::start(&file, &world, ips).await.unwrap();
        let seats = seats(&world, &balancer, &gateways).await;
        let mut people = Vec::new();
        for seat in seats.iter().flat_map(|seats| &seats[..EACH]) {
            people.push(Person::begin(at(&world, &balancer, seat)).await);
        }
        let people = People::begin(people, |number| number % EACH == 0).await;
        Self { world, database, ways, replicas, gateways, balancer, people, seats, left: Vec::new() }
    }

    pub(crate) fn console(&self, path: &str) -> String {
        format!("{}{path}", self.world.console())
    }

    /// A new browser that the balancer leads to this gateway, as long as that one is ready.
    pub(crate) fn browser_at(&self, place: usize) -> Browser {
        at(&self.world, &self.balancer, &self.seats[place][EACH])
    }

    /// Somebody with a panel open at a gateway.
    pub(crate) async fn somebody_at(&self, place: usize) -> Person {
        Person::begin(self.browser_at(place)).await
    }

    /// Somebody signs out at a gateway, and is told so. Whether that stays so is looked at after each fault.
    pub(crate) async fn signs_out(&mut self, somebody: Person, place: usize) {
        let Person { browser, console, panel } = somebody;
        let elsewhere = self.browser_at(place);
        elsewhere.steal_cookies(&browser);
        let answer = elsewhere.submit(&console, "/sign-out", &[]).await.unwrap();
        assert!(answer.status < 400, "{} {}", answer.status, answer.text());
        let address = panel.url.to_string();
        self.left.push((elsewhere, console, "/api/session".to_owned()));
        self.left.push((browser, panel, address));
    }

    /// From now on it is counted.
    pub(crate) fn mark(&self) -> Mark {
        self.people.mark()
    }

    /// Waits until all gateways have this readiness; gives the words of one.
    pub(crate) async fn are_ready(&self, status: u16) -> String {
        let mut words = String::new();
        for replica in &self.replicas {
            words = until_ready(replica, status).await;
        }
        words
    }

    /// Nobody signs in and nothing is opened, while panels that are open go on.
    pub(crate) async fn nothing_begins(&self) {
        let words = self.are_ready(503).await;
        assert!(words.contains("store: the store does not answer"), "{words}");
        for place in 0..3 {
            self.balancer.until(place, false).await.unwrap();
        }
        // The balancer has nobody who is ready, and leads people to who knows them.
        for person in &self.people.all {
            let answer = person.browser.again().fetch(&person.panel, person.panel.url.as_str()).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let person = &self.people.all[0];
        let sessions = self.world.server(2).sessions().len();
        let refused = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
        let code = crate::stage::problem(&refused).0;
        assert_eq!((refused.status, &*code), (503, "session_store_unavailable"));
        assert_eq!(self.world.server(2).sessions().len(), sessions, "nothing is left behind at the server");
        let stranger = self.browser_at(0);
        let refused = stranger.visit(&self.console("/")).await.unwrap();
        assert_eq!(refused.status, 503, "nobody signs in: {}", refused.text());
    }

    /// Everybody works as before, everything can be done at each gateway, and nobody who left is back. Gives what it
    /// cost.
    pub(crate) async fn is_well(&self, mark: &Mark) -> Outcome {
        self.are_ready(200).await;
        let outcome = self.people.outcome(mark).await;
        assert_eq!(outcome.signed_out, 0, "{outcome:?}");
        for (browser, page, address) in &self.left {
            for place in 0..3 {
                let back = self.browser_at(place);
                back.steal_cookies(browser);
                let began = Instant::now();
                while back.fetch(page, address).await.unwrap().status != 401 {
                    // docs/sessions.md: how soon what another gateway did takes effect.
                    assert!(began.elapsed() < Duration::from_secs(5), "somebody who signed out is back");
                }
            }
        }
        outcome
    }

    /// The same, and somebody new can sign in and open something at each gateway.
    pub(crate) async fn serves(&self, mark: &Mark) -> Outcome {
        let outcome = self.is_well(mark).await;
        for place in 0..3 {
            let browser = self.browser_at(place);
            let console = browser.sign_in("sam").await.unwrap();
            browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
        }
        outcome
    }

    /// Starts a gateway again, by this command if there is one, and waits until the balancer leads people there.
    pub(crate) async fn start_again(&mut self, place: usize, command: Option<Command>) {
        let replica = &self.replicas[place];
        let command = command.unwrap_or_else(|| {
            let mut command = Command::new(BINARY);
            command.arg("serve").arg("--config").arg(replica.config());
            command
        });
        let gateway = Gateway::spawn_replica_as(command, &self.world, replica).await.unwrap();
        until_ready(replica, 200).await;
        self.gateways[place] = Some(gateway);
        self.balancer.until(place, true).await.unwrap();
    }

    /// What people were told of is on record at one of the gateways, and the records are whole.
    pub(crate) async fn nothing_is_lost_of_the_records(&self) {
        let told = self.people.denied();
        assert!(!told.is_empty());
        let mut events = Vec::new();
        for replica in &self.replicas {
            let mut command = Command::new(BINARY);
            command.args(["audit", "verify", "--config"]).arg(replica.config());
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            events.extend(events_in(&replica.audit_file()));
        }
        let kept: HashSet<&str> = events.iter().filter_map(|e| e["reference"].as_str()).collect();
        let lost: Vec<&String> = told.iter().filter(|reference| !kept.contains(reference.as_str())).collect();
        assert!(lost.is_empty(), "{} of {} are not on record", lost.len(), told.len());
        // Each who signed out has left the console and a panel.
        let mut table = std::io::stderr();
        writeln!(table, "RECORDS {} {}", told.len(), self.left.len() / 2).unwrap();
    }
}

fn replica(world: &World, name: &str, database: &Postgres, way: &Detour) -> Replica {
    let replica = world.replica(name).unwrap();
    let text = std::fs::read_to_string(replica.config()).unwrap();
    let secret = format!("database-{name}");
    std::fs::write(replica.config(), text.replace("file:database", &format!("file:{secret}"))).unwrap();
    let address = database.url("panelgate").replace(&database.address().to_string(), &way.address().to_string());
    std::fs::write(world.folder().join(secret), address).unwrap();
    replica
}

/// A browser that reaches the balancer from this address.
fn at(world: &World, balancer: &Haproxy, seat: &Seat) -> Browser {
    let mut browser = Browser::new(world).unwrap();
    browser.lead_to(world, balancer.ip()).unwrap();
    browser.move_to(seat.ip());
    browser
}

/// Addresses for people at each gateway, and one more for strangers: where the balancer leads whom, the log says.
async fn seats(world: &World, balancer: &Haproxy, gateways: &[Option<Gateway>]) -> Vec<Vec<Seat>> {
    let mut seats: Vec<Vec<Seat>> = vec![Vec::new(), Vec::new(), Vec::new()];
    let began = Instant::now();
    while seats.iter().any(|seats| seats.len() <= EACH) {
        assert!(began.elapsed() < PATIENCE, "the balancer leads nobody to one of them");
        let seat = Loopback::claim().unwrap();
        let knock = at(world, balancer, &seat).visit(&format!("{}/api/session", world.console())).await.unwrap();
        assert_eq!(knock.status, 401);
        let named = format!("client={} ", seat.ip());
        let mut found = None;
        until("the log names the person", || {
            let here = |gateway: &Option<Gateway>| plain(&gateway.as_ref().unwrap().output()).contains(&named);
            found = gateways.iter().position(here);
            found.is_some()
        })
        .await;
        seats[found.unwrap()].push(seat);
    }
    seats
}

/// The command of a gateway whose clock is ahead or behind by so much (`+10s`).
pub(crate) fn faketime(replica: &Replica, offset: &str) -> Command {
    let mut command = with_other_clock(&replica.config());
    command.env("FAKETIME", offset);
    command
}

/// The command of a gateway that has its time of day from the library of Debian's package faketime.
pub(crate) fn with_other_clock(config: &Path) -> Command {
    let library = std::fs::read_dir("/usr/lib").unwrap().filter_map(|entry| {
        let found = entry.ok()?.path().join("faketime/libfaketimeMT.so.1");
        found.exists().then_some(found)
    });
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(config);
    command.env("LD_PRELOAD", library.last().unwrap()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}
