//! How long it takes from the click on a server to the panel's first page, beside what the server itself takes.
//!
//! Both ways are those of a new browser at the double of cPanel's server, by turns. To the server itself that is the
//! call of the API that makes a session, its one-time login, and the page, over one connection; to the gateway the
//! console's request to open, and the way from there through the hand-off to the page. A person has signed in before.

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Names;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::json;

const SERVER: &str = "web2.hosting.example";

/// The double's port of WHM.
const WHM: u16 = 2087;

/// What goes before the first opening that counts.
const WARM: usize = 5;

/// Which gateway, and how often.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Panelgate's program.
    #[arg(long)]
    program: PathBuf,
    /// Openings of each kind.
    #[arg(long, default_value_t = 100)]
    openings: usize,
}

/// Prints the figures as a line of JSON.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let limits = "[log]\nfilter = \"warn\"\n[limits]\npending_logins_per_address = 100000\n".to_owned();
    let world = World::start(Plan { more: limits, ..Plan::tls(Style::Ports) }).await?;
    for server in &world.servers {
        server.switch(|switches| {
            switches.handler_cap = 10_000;
            switches.record_requests = false;
            switches.write_logs = false;
        });
    }
    let gateway = Gateway::spawn(&arguments.program, &world).await?;
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for number in 0..WARM + arguments.openings {
        let (alone, whole) = (directly(&world).await?, through_the_gateway(&world).await?);
        if number >= WARM {
            direct.push(alone);
            through.push(whole);
        }
    }
    let (direct, through) = (milliseconds(direct), milliseconds(through));
    let at = |sorted: &[f64], part: usize| sorted.get((sorted.len() - 1) * part / 100).copied().context("no figures");
    let (server, whole) = (at(&direct, 50)?, at(&through, 50)?);
    let figures = json!({
        "server_ms": server,
        "whole_ms": whole,
        "added_ms": whole - server,
        "whole_95_ms": at(&through, 95)?,
        "server_95_ms": at(&direct, 95)?,
    });
    super::stage::say(&figures).await?;
    drop(gateway);
    Ok(())
}

/// What the server takes for a session and its first page.
async fn directly(world: &World) -> anyhow::Result<Duration> {
    let server = world.server(2);
    let names = Names::only([(SERVER.to_owned(), server.ip())]);
    let browser = Browser::elsewhere(names, world.authority.pem(), Http::One, &format!("https://{SERVER}:{WHM}"))?;
    let call = format!(
        "https://{SERVER}:{WHM}/json-api/create_user_session?api.version=1&user=root&service=whostmgrd\
         &cp_security_token=%2fcpsess1234567890"
    );
    let authorization = format!("whm root:{}", server.token_for("root"));
    let began = Instant::now();
    let answer = browser.ask(Ask::get(Errand::Fetch, &call).header("authorization", &authorization)).await?;
    let answer = answer.json()?;
    let login = answer.pointer("/data/url").and_then(serde_json::Value::as_str).context("no login")?;
    let page = browser.visit(login).await?;
    let took = began.elapsed();
    ensure!(page.status == 200, "{} {}", page.status, page.text());
    Ok(took)
}

/// What a person waits for after the click.
async fn through_the_gateway(world: &World) -> anyhow::Result<Duration> {
    let browser = Browser::new(world)?;
    let console = browser.sign_in("ada").await?;
    let began = Instant::now();
    browser.open(&console, "web2", "whostmgrd", "root").await?;
    Ok(began.elapsed())
}

fn milliseconds(times: Vec<Duration>) -> Vec<f64> {
    let mut sorted: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}
