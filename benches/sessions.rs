//! What finding a session costs, from the cookie's text to the entry of a panel: `cargo bench --bench sessions`.
//!
//! Prints numbers and judges none. The part that SHA-256 and base64 take stands apart: a cookie is only known by its
//! digest, so no look-up is faster than that.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use futures_util::FutureExt as _;
use panelgate::identity::Principal;
use panelgate::identity::PrincipalRecord;
use panelgate::model::ClientAddr;
use panelgate::model::Service;
use panelgate::model::SystemClock;
use panelgate::model::Target;
use panelgate::model::Token256;
use panelgate::session::Entry;
use panelgate::session::EntryPlace;
use panelgate::session::Lifetimes;
use panelgate::session::NewSession;
use panelgate::session::SecretDigits;
use panelgate::session::Sessions;
use panelgate::store::Purpose;
use panelgate::store::ServerKey;
use panelgate::store::Store;
use panelgate::store::open;
use panelgate::store::seal;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::json;

/// Sessions at once, each with an entry to a panel.
const SESSIONS: [usize; 3] = [1, 100, 10_000];
const LOOK_UPS: usize = 1_000_000;

fn main() -> anyhow::Result<()> {
    println!("| sessions | from cookie to entry | of which reading the cookie | its SHA-256 | allocations |");
    println!("|---|---|---|---|---|");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for count in SESSIONS {
        run(&runtime, count)?;
    }
    Ok(())
}

fn run(runtime: &tokio::runtime::Runtime, count: usize) -> anyhow::Result<()> {
    // In memory where there is such a folder: what is measured does not touch the file.
    let folder =
        tempfile::Builder::new().prefix("panelgate-").tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let (sessions, cookies) = runtime.block_on(people(folder.path(), count))?;
    let texts: Vec<SecretString> = cookies.iter().map(Token256::expose).collect();
    // Scattered, so that none is still in the processor's cache because its neighbour was.
    let order: Vec<usize> = (0..LOOK_UPS).map(|number| number.wrapping_mul(2_654_435_761) % count).collect();
    let each = |time: Duration| time.as_nanos() / LOOK_UPS as u128;
    let walk = |work: &dyn Fn(usize)| {
        let began = Instant::now();
        for place in &order {
            work(*place);
        }
        each(began.elapsed())
    };
    let find = |place: usize| {
        let token = texts.get(place).and_then(|text| Token256::parse(text.expose_secret()));
        let found = token.and_then(|token| sessions.entry(black_box(&token)).now_or_never());
        assert!(matches!(black_box(found), Some(Ok(Some(_)))), "it is known, and nobody has to be asked");
    };
    let whole = walk(&find);
    let reading = walk(&|place| {
        black_box(texts.get(place).and_then(|text| Token256::parse(black_box(text.expose_secret()))));
    });
    let hashing = walk(&|place| {
        black_box(cookies.get(place).map(Token256::digest));
    });
    let counted = allocation_counter::measure(|| {
        for place in order.iter().take(count) {
            find(*place);
        }
    });
    println!("| {count} | {whole} ns | {reading} ns | {hashing} ns | {} in {count} look-ups |", counted.count_total);
    Ok(())
}

/// So many people, each in front of a panel, and their cookies there.
async fn people(folder: &std::path::Path, count: usize) -> anyhow::Result<(Sessions, Vec<Token256>)> {
    let store = Store::open(&folder.join("panelgate.db")).await?;
    let (key, random) = (ServerKey::new([7; 32]), SystemRandom::new());
    let lifetimes = Lifetimes {
        idle: Duration::from_hours(1),
        absolute: Duration::from_hours(10),
        refresh: Duration::from_mins(5),
        grace: Duration::from_mins(15),
        store_grace: Duration::from_hours(1),
    };
    let limit = u32::try_from(count)?;
    let clock = Arc::new(SystemClock);
    let sessions = Sessions::new(store, key.clone(), clock, Arc::new(SystemRandom::new()), lifetimes, limit)?;
    let mut cookies = Vec::new();
    for number in 0..count {
        let (_, session) = sessions.begin(signed_in(&key, &random, number)?).await?;
        let place = EntryPlace {
            server: "web1".parse()?,
            service: Service::Whostmgrd,
            account: "root".parse()?,
            through: None,
        };
        let ticket = sessions.ticket(&session, &place).await?;
        let ticket = sessions.shown(&ticket, &session).await?.context("the ticket is there")?;
        let entry = Entry { session, place, security_token: SecretDigits("1234567890".into()) };
        let (landing, verifier) = (Target::parse("/")?, Token256::random(&random).ok().context("no random numbers")?);
        let code = sessions.hand_off(ticket, &entry, &landing, verifier.digest()).await?.context("it is ours")?;
        let handoff = sessions.redeem(&code, &verifier, |_| true).await?.context("the code is there")?;
        let cookie = sessions.admit(handoff).await?.context("it is ours")?;
        // The first use is written down.
        sessions.entry(&cookie).await?.context("the entry is there")?;
        cookies.push(cookie);
    }
    Ok((sessions, cookies))
}

/// Somebody who has signed in, as a record of ours says it.
fn signed_in(key: &ServerKey, random: &SystemRandom, number: usize) -> anyhow::Result<NewSession> {
    let token = Token256::random(random).ok().context("no random numbers")?;
    let record = json!({
        "subject": { "iss": "https://idp.example.com", "sub": format!("person-{number}") },
        "name": format!("Person {number}"),
        "email": format!("person-{number}@example.com"),
        "groups": ["/hosting/staff", "/hosting/support", "/everybody"],
        "signed_in_at": 1_800_000_000_000_u64,
    });
    let sealed = seal(key, &token, Purpose::Session, &record)?;
    let principal = Principal::restore(open::<PrincipalRecord>(key, &token, Purpose::Session, sealed)?);
    Ok(NewSession {
        principal,
        id_token_hint: "an-id-token".to_owned().into(),
        sid: None,
        refresh: None,
        client: ClientAddr("192.0.2.7:1".parse()?),
        browser: [3; 32],
    })
}
