//! What watching a fleet of 500 servers costs the gateway. Prints a table; nothing is judged.
//!
//! `cargo bench --bench watch`, or with another number of servers: `cargo bench --bench watch -- 100`. Each server is
//! a double of its own on a loopback address of its own, with TLS; the round takes a minute instead of ten, so what a
//! minute costs here is what ten cost in life.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Settings;
use lab::gateway::Gateway;
use lab::loopback::Loopback;
use lab::pki;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::time::Instant;

/// One round in steady state.
const ROUND: Duration = Duration::from_mins(1);

/// Between two looks at the doubles and at the process.
const TICK: Duration = Duration::from_secs(1);

/// Clock ticks of `times(2)` in a second, on every Linux.
const HERTZ: f64 = 100.0;

fn main() -> anyhow::Result<()> {
    let servers = std::env::args().skip(1).find_map(|argument| argument.parse::<usize>().ok()).unwrap_or(500);
    tokio::runtime::Runtime::new()?.block_on(run(servers))
}

async fn run(count: usize) -> anyhow::Result<()> {
    let identity = pki::self_signed(&["fleet.hosting.example"])?;
    let token = ApiToken::new("root", "panelgate");
    let (mut fleet, mut places) = (Vec::new(), Vec::new());
    let mut directory = DIRECTORY.to_owned();
    for number in 0..count {
        let place = Loopback::claim()?;
        let settings = Settings::new("fleet.hosting.example", place.ip());
        fleet.push(
            Cpsrvd::start(Settings { identity: Some(identity.clone()), tokens: vec![token.clone()], ..settings })
                .await?,
        );
        write!(
            directory,
            "[[servers]]\nid = \"fleet{number}\"\nhost = \"fleet.hosting.example\"\naddress = \"{}\"\n\
             trust = {{ pins = [\"sha256/{}\"] }}\napi_account = \"root\"\napi_token = \"file:fleet-token\"\n\
             access = \"restricted\"\n",
            place.ip(),
            identity.spki_sha256,
        )?;
        places.push(place);
    }
    let more = "[log]\nfilter = \"error\"\n[fleet]\nwatch_minutes = 1\n".to_owned();
    let world = World::start(Plan { more, directory: Some(directory), ..Plan::tls(Style::Ports) }).await?;
    fs::write(world.folder().join("fleet-token"), &token.secret)?;
    let began = Instant::now();
    let gateway = Gateway::spawn(env!("CARGO_BIN_EXE_panelgate"), &world).await?;
    let process = Process(gateway.pid().context("the gateway has ended")?);
    let idle = process.resident()?;
    while looks(&fleet).contains(&0) {
        anyhow::ensure!(began.elapsed() < Duration::from_mins(5), "some servers were never looked at");
        tokio::time::sleep(TICK).await;
    }
    let first = began.elapsed();
    let opened = connections(&fleet);
    let (requests, cpu, before) = (requests(&fleet), process.seconds()?, looks(&fleet).iter().sum::<usize>());
    let (mut a_second, mut last, mut most) = (Vec::new(), before, 0.0_f64);
    let steady = Instant::now();
    while steady.elapsed() < ROUND {
        tokio::time::sleep(TICK).await;
        let now = looks(&fleet).iter().sum::<usize>();
        a_second.push(now - last);
        last = now;
        most = most.max(process.resident()?);
    }
    let (took, done) = (steady.elapsed().as_secs_f64(), last - before);
    let cpu = process.seconds()? - cpu;
    let requests = self::requests(&fleet) - requests;
    let opened = connections(&fleet) - opened;
    let per_look = |amount: f64| amount / f64::from(u32::try_from(done.max(1)).unwrap_or(u32::MAX));
    let asked = f64::from(u32::try_from(requests).unwrap_or(u32::MAX));
    println!("| {count} servers | |\n|---|---|");
    println!("| first look at all, after the start | {:.0} s |", first.as_secs_f64());
    println!("| looks in {took:.0} s of steady state | {done} |");
    println!("| requests for each look | {:.2} |", per_look(asked));
    println!("| connections for each look | {:.2} |", per_look(opened));
    println!("| processor time for each look | {:.2} ms |", per_look(cpu * 1000.0));
    println!("| processor time of the gateway, of one core | {:.2} % |", 100.0 * cpu / took);
    println!("| at an interval of ten minutes | {:.2} % |", 10.0 * cpu / took);
    println!("| resident memory before the first look, and at most | {idle:.1} MiB, {most:.1} MiB |");
    a_second.sort_unstable();
    let at = |part: usize| a_second.get(a_second.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    println!("| looks that began in one second: median, 95 of 100, most | {}, {}, {} |", at(50), at(95), at(100));
    Ok(())
}

/// The looks that began at each server.
fn looks(fleet: &[Cpsrvd]) -> Vec<usize> {
    let at = |server: &Cpsrvd| server.requests().iter().filter(|request| request.path() == "/json-api/version").count();
    fleet.iter().map(at).collect()
}

fn requests(fleet: &[Cpsrvd]) -> usize {
    fleet.iter().map(|server| server.requests().len()).sum()
}

/// The connections that carried a request.
fn connections(fleet: &[Cpsrvd]) -> f64 {
    let of_one = |server: &Cpsrvd| {
        let numbers: BTreeSet<u64> = server.requests().iter().map(|request| request.connection).collect();
        u32::try_from(numbers.len()).unwrap_or(u32::MAX)
    };
    f64::from(fleet.iter().map(of_one).sum::<u32>())
}

/// The gateway's process, as proc(5) shows it.
struct Process(u32);

impl Process {
    /// Processor time so far, in seconds.
    fn seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
        let ticks: u32 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        Ok(f64::from(ticks) / HERTZ)
    }

    /// `VmRSS`, in MiB.
    fn resident(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u32 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(f64::from(kib) / 1024.0)
    }
}
