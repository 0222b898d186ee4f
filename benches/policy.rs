//! How long decisions and reviews take in a large company, and what they allocate: `cargo bench --bench policy`.
//!
//! Prints numbers and judges none: machines differ, and a limit here would fail on the slowest of them.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::io::Write as _;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use panelgate::model::Access;
use panelgate::model::Account;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::DirectoryVersion;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::RoleGroupName;
use panelgate::model::Rule;
use panelgate::model::SecretRef;
use panelgate::model::Server;
use panelgate::model::ServerId;
use panelgate::model::Service;
use panelgate::model::Source;
use panelgate::model::Timestamp;
use panelgate::model::TokenRef;
use panelgate::model::Trust;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Policy;
use panelgate::policy::Provenance;
use panelgate::policy::Question;
use panelgate::policy::Review;
use panelgate::policy::Scope;
use panelgate::policy::Supposed;
use panelgate::policy::diff;
use panelgate::policy::matrix;

const SERVERS: usize = 2_000;
const ROLE_GROUPS: usize = 200;
const RULES: usize = 5_000;
/// Groups that a role group lists, and that a person has.
const GROUPS: usize = 5;
/// Servers that a rule gives.
const SERVERS_OF_A_RULE: usize = 8;

fn main() -> anyhow::Result<()> {
    let directory = Arc::new(directory()?);
    let mut out = io::stdout();
    writeln!(out, "{SERVERS} servers, {ROLE_GROUPS} role groups, {RULES} rules of {SERVERS_OF_A_RULE} servers each")?;

    let (index, policy) = timed(|| Policy::new(Arc::clone(&directory)));
    writeln!(out, "index        {index:>12.2?}")?;

    let people: Vec<Vec<IdpGroup>> = (0..500).map(person).collect();
    let requests = (0..500).map(request).collect::<anyhow::Result<Vec<_>>>()?;
    let rounds = 20;
    let (time, ()) = timed(|| {
        for _ in 0..rounds {
            for person in &people {
                for request in &requests {
                    black_box(policy.decide(&claimant(black_box(person)), black_box(request), &somewhen()));
                }
            }
        }
    });
    let counted = allocation_counter::measure(|| {
        for person in &people {
            for request in &requests {
                black_box(policy.decide(&claimant(black_box(person)), black_box(request), &somewhen()));
            }
        }
    });
    let role_groups = people.first().map_or(0, |person| policy.standing_of(&claimant(person)).role_groups.len());
    let decisions = rounds * people.len() * requests.len();
    let each = time.as_nanos() / u128::try_from(decisions)?;
    writeln!(out, "decision     {each:>9} ns, a person of {role_groups} role groups, over {decisions} decisions")?;

    let asked = people.len() * requests.len();
    writeln!(out, "allocations  {:>9}    in {asked} decisions", counted.count_total)?;

    let (reach, _) = timed(|| policy.reach_of(&claimant(people.first().map_or(&[], Vec::as_slice)), &somewhen()));
    writeln!(out, "reach        {reach:>12.2?} of one person")?;

    let (time, whole) = timed(|| matrix(&directory, Scope::All));
    writeln!(out, "matrix       {time:>12.2?} of {} entries", whole.len())?;
    let first = directory.servers.keys().next().context("there is a server")?;
    let (time, part) = timed(|| matrix(&directory, Scope::Server(first)));
    writeln!(out, "one server   {time:>12.2?} of {} entries", part.len())?;

    let mut later = Directory::clone(&directory);
    later.rules.truncate(RULES - 10);
    let (time, changes) = timed(|| diff(&directory, &later));
    writeln!(out, "diff         {time:>12.2?} with {} changes", changes.len())?;

    let review = Review::new(Arc::clone(&directory));
    let (service, supposed) = (Some(Service::Cpaneld), Supposed::default());
    let question = Question { server: first.clone(), service, account: None, through: None, supposed };
    let (time, _) = timed(|| review.explain(&person(7), &question).ways.len());
    writeln!(out, "explanation  {time:>12.2?}")?;
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = black_box(work());
    (start.elapsed(), done)
}

fn directory() -> anyhow::Result<Directory> {
    let servers = (0..SERVERS).map(server).collect::<anyhow::Result<Vec<_>>>()?;
    let role_groups = (0..ROLE_GROUPS).map(role_group).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Directory {
        version: DirectoryVersion("0123456789abcdef".into()),
        providers: BTreeMap::new(),
        servers: servers.into_iter().map(|server| (server.id.clone(), server)).collect(),
        role_groups: role_groups.into_iter().map(|group| (group.name.clone(), group)).collect(),
        rules: (0..RULES).map(rule).collect::<anyhow::Result<_>>()?,
    })
}

/// One server in a hundred is unrestricted.
fn server(number: usize) -> anyhow::Result<Server> {
    let access = if number.is_multiple_of(100) {
        Access::Unrestricted { services: vec![Service::Cpaneld], account: "demo".parse()?, customers: Vec::new() }
    } else {
        Access::Restricted
    };
    Ok(Server {
        id: server_id(number)?,
        name: format!("Server {number}"),
        host: format!("web{number}.hosting.example").parse()?,
        address: None,
        trust: Trust::PublicRoots,
        api_account: "root".parse()?,
        api_token: TokenRef::Outside(SecretRef::Env("TOKEN".to_owned())),
        access,
        source: source(number)?,
    })
}

fn role_group(number: usize) -> anyhow::Result<RoleGroup> {
    let idp_groups = (0..GROUPS).map(|place| group(number + place * 37)).collect();
    Ok(RoleGroup {
        name: role_group_name(number)?,
        idp_groups,
        provider: None,
        connect: true,
        rights: Vec::new(),
        source: source(number)?,
    })
}

fn rule(number: usize) -> anyhow::Result<Rule> {
    let services = Service::ALL.into_iter().cycle().skip(number % 3).take(1 + number % 2).collect();
    let servers = (0..SERVERS_OF_A_RULE).map(|place| server_id(scattered(number, place) % SERVERS));
    Ok(Rule {
        role_group: role_group_name(number % ROLE_GROUPS)?,
        servers: servers.collect::<anyhow::Result<_>>()?,
        services,
        account: account(number)?,
        customers: Vec::new(),
        conditions: Conditions::default(),
        source: source(number)?,
    })
}

fn person(number: usize) -> Vec<IdpGroup> {
    (0..GROUPS).map(|place| group(scattered(number, place))).collect()
}

fn request(number: usize) -> anyhow::Result<AccessRequest> {
    let service = Service::ALL.into_iter().cycle().nth(number % 3).context("there are services")?;
    Ok(AccessRequest::direct(server_id(scattered(number, 3) % SERVERS)?, service, account(number)?))
}

fn claimant(groups: &[IdpGroup]) -> Claimant<'_> {
    Claimant { provider: Provenance::Unknown, groups }
}

fn somewhen() -> Circumstances<'static> {
    let now = Timestamp::from_secs(1_800_000_000);
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    Circumstances { now, client, authenticated_at: Some(now), acr: None }
}

/// Numbers that look scattered and are the same each time (Knuth's multiplicative hashing).
fn scattered(number: usize, place: usize) -> usize {
    (number * GROUPS + place).wrapping_mul(2_654_435_761) >> 7
}

fn group(number: usize) -> IdpGroup {
    IdpGroup(format!("/hosting/staff/team-{}", number % ROLE_GROUPS))
}

fn role_group_name(number: usize) -> anyhow::Result<RoleGroupName> {
    RoleGroupName::new(&format!("Role group {number}")).context("it is a name")
}

fn server_id(number: usize) -> anyhow::Result<ServerId> {
    Ok(format!("web{number}").parse()?)
}

fn account(number: usize) -> anyhow::Result<Account> {
    Ok(["root", "support", "reseller"].into_iter().cycle().nth(number % 3).context("there are accounts")?.parse()?)
}

fn source(number: usize) -> anyhow::Result<Source> {
    Ok(Source { file: "directory.toml".into(), line: u32::try_from(number)? })
}
