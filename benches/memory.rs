//! What the gateway's memory comes to under the two loads that last: large files in both directions, and
//! terminals that stand open. Prints the rows of the tables in `docs/wire.md` ("Memory") and `docs/operations.md`
//! ("Sizing"); nothing is judged.
//!
//! `cargo bench --bench memory`, or with the size of each file in MiB: `cargo bench --bench memory -- 100`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::cell::Cell;
use std::fs;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use futures_util::future::try_join_all;
use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::MULTIPART;
use lab::browser::Page;
use lab::browser::Sending;
use lab::browser::Socket;
use lab::browser::Upload;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;

/// Files at once, in each direction.
const FILES: u32 = 20;

/// People with terminals, and the terminals of each.
const PEOPLE: u32 = 10;
const TERMINALS: u32 = 200;

/// What the bounds on one person, one server and one address have to be for that.
const LIMITS: &str = "[log]\nfilter = \"warn\"\n[limits]\nrequests_per_session = 1000\nrequests_per_panel_session = 200\n\
                      requests_per_server = 10000\nconnections_per_address = 10000\n";

fn main() -> anyhow::Result<()> {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse::<u32>().ok()).unwrap_or(1024);
    tokio::runtime::Runtime::new()?.block_on(run(size))
}

async fn run(mebibytes: u32) -> anyhow::Result<()> {
    let size = u64::from(mebibytes) << 20;
    let world = World::start(Plan { more: LIMITS.into(), ..Plan::tls(Style::Ports) }).await?;
    for server in &world.servers {
        server.switch(|switches| {
            switches.download_bytes = size;
            switches.handler_cap = 10_000;
            switches.record_requests = false;
            switches.write_logs = false;
        });
    }
    let gateway = Gateway::spawn(env!("CARGO_BIN_EXE_panelgate"), &world).await?;
    let memory = Memory(gateway.pid().context("the gateway has ended")?);
    let (sam, cpanel) = open(&world, "sam", "web2", "cpaneld", "bob").await?;
    let (ada, whm) = open(&world, "ada", "web1", "whostmgrd", "root").await?;
    let process = memory.resident()?;

    let began = Instant::now();
    let downloads = try_join_all((0..FILES).map(|_| download(&sam, &cpanel, size)));
    let uploads = try_join_all((0..FILES).map(|_| upload(&ada, &whm, size)));
    let peak = Cell::new(0.0);
    tokio::select! {
        done = async { tokio::try_join!(downloads, uploads) } => drop(done?),
        error = memory.watch(&peak) => error?,
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = f64::from(mebibytes) * f64::from(2 * FILES) / seconds;
    let (peak, afterwards) = (peak.get(), memory.resident()?);

    let mut terminals: Vec<(Browser, Vec<Socket>)> = Vec::new();
    let before = memory.resident()?;
    for _ in 0..PEOPLE {
        let (browser, panel) = open(&world, "ada", "web1", "whostmgrd", "root").await?;
        let mut sockets = Vec::new();
        for _ in 0..TERMINALS {
            sockets.push(terminal(&browser, &panel).await?);
        }
        terminals.push((browser, sockets));
    }
    let (now, count) = (memory.resident()?, PEOPLE * TERMINALS);
    let each = (now - before) * 1024.0 / f64::from(count);
    let transfer = (peak - process) / f64::from(2 * FILES);
    println!("docs/wire.md, \"Memory\":\n\n| load | resident memory |\n|---|---|");
    println!("| two people, a panel each | {process:.0} MiB |");
    println!(
        "| {FILES} downloads and {FILES} uploads of {mebibytes} MiB at once over HTTP/2, the most | {peak:.0} MiB |"
    );
    println!("| afterwards | {afterwards:.0} MiB |");
    println!(
        "| {} terminals stand open, over HTTP/1.1, TLS on both sides | {now:.0} MiB, {each:.0} KiB for each |",
        in_thousands(count)
    );
    println!("\ndocs/operations.md, \"Sizing\":\n\n| for | memory | from |\n|---|---|---|");
    println!("| the process, two people with a panel each | {process:.0} MiB | first row |");
    println!(
        "| each terminal or other WebSocket that stands open, TLS on both sides | {each:.0} KiB | {} of them |",
        in_thousands(count)
    );
    println!(
        "| each transfer under way, whatever its size | about {transfer:.1} MiB | {FILES} downloads and {FILES} uploads of \
         {mebibytes} MiB |"
    );
    println!("\nThe files took {seconds:.0} s, {rate:.0} MiB/s. Other settings than the defaults:\n\n{LIMITS}");
    Ok(())
}

/// A number as the docs write it.
fn in_thousands(number: u32) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

/// The memory of a process.
struct Memory(u32);

impl Memory {
    /// `VmRSS` of proc(5), in MiB.
    fn resident(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u32 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Keeps the most of it, until something goes wrong.
    async fn watch(&self, peak: &Cell<f64>) -> anyhow::Result<()> {
        loop {
            peak.set(self.resident()?.max(peak.get()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn open(
    world: &World,
    person: &str,
    server: &str,
    service: &str,
    account: &str,
) -> anyhow::Result<(Browser, Page)> {
    let browser = Browser::new(world)?;
    let console = browser.sign_in(person).await?;
    let panel = browser.open(&console, server, service, account).await?;
    Ok((browser, panel))
}

/// `fetch()` of a path under the panel's security token.
fn ask<'p>(panel: &'p Page, path: &str) -> anyhow::Result<Ask<'p>> {
    let token = panel.url.path().split('/').nth(1).unwrap_or_default();
    Ok(Ask::get(Errand::Fetch, panel.resolve(&format!("/{token}{path}"))?.as_str()).by(panel))
}

async fn download(browser: &Browser, panel: &Page, size: u64) -> anyhow::Result<()> {
    let mut body = browser.stream(ask(panel, "/download")?).await?.into_body();
    let mut read = 0;
    while let Some(piece) = body.frame().await {
        read += piece?.data_ref().map_or(0, |piece| piece.len() as u64);
    }
    ensure!(read == size, "{read} bytes of {size}");
    Ok(())
}

async fn upload(browser: &Browser, panel: &Page, size: u64) -> anyhow::Result<()> {
    let file = Sending::File(Upload::of(size));
    let answer = browser.send(ask(panel, "/execute/Fileman/upload_files")?, MULTIPART, file).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    let arrived = answer.pointer("/data/bytes").and_then(serde_json::Value::as_u64);
    ensure!(arrived.is_some_and(|bytes| bytes >= size), "{answer}");
    Ok(())
}

/// A terminal that has greeted.
async fn terminal(browser: &Browser, panel: &Page) -> anyhow::Result<Socket> {
    let token = panel.url.path().split('/').nth(1).unwrap_or_default();
    let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
    let mut socket = browser.shake(Http::One, panel, &address, &[]).await?.opened()?;
    socket.next().await?.context("the terminal does not greet")?;
    Ok(socket)
}
