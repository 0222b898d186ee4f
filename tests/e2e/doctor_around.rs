//! `panelgate doctor` on what is around a gateway: a balancer where TLS ends, a disk that is nearly full, a database
//! that answers slowly.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use lab::detour::Detour;
use lab::disk::SmallDisk;
use lab::loopback;
use lab::loopback::Loopback;
use lab::pki::Identity;
use lab::postgres::Postgres;
use lab::world::Style;
use lab::world::World;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::doctor::change;
use crate::doctor::healthy;
use crate::doctor::healthy_at;
use crate::doctor::json;
use crate::doctor::run;
use crate::doctor::run_as;
use crate::stage::BINARY;

/// A balancer that shows one certificate to everybody. It ends with what is given back.
async fn shows(identity: &Identity, port: u16) -> JoinHandle<()> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever only looks at the certificate breaks off.
            tokio::spawn(acceptor.accept(stream));
        }
    })
}

async fn no_more(balancer: JoinHandle<()>) {
    balancer.abort();
    assert!(balancer.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn what_a_balancer_shows_to_browsers_is_looked_at() {
    let port = loopback::localhost_port().unwrap();
    let lines = "[balancer]\naddresses = [\"127.0.0.1\"]\nclient = \"forwarded\"\ntls = \"balancer\"\n";
    let world = healthy_at(&format!("https://connect.localhost:{port}"), Style::Hosts, lines).await;
    let text = fs::read_to_string(world.config()).unwrap();
    let (before, _) = text.split_once("[tls]").unwrap();
    fs::write(world.config(), before).unwrap();
    let says = "the balancer's certificate cannot be looked at from here: cannot connect to the server";
    json(&world).await.has("certificates", "remark", says, "see that the balancer listens there with TLS");

    let wild = ["web1", "web2", "web3"].map(|server| format!("*.{server}.connect.localhost"));
    let all: Vec<&str> = ["connect.localhost"].into_iter().chain(wild.iter().map(String::as_str)).collect();
    let whole = world.authority.issue(&all).unwrap();
    let balancer = shows(&whole, port).await;
    json(&world).await.has("certificates", "well", "the balancer shows it (10 addresses), and it is valid until ", "");
    let said = run(&world, &world.config(), &["--format", "json"], false).await;
    said.has(
        "certificates",
        "remark",
        "no authority that this machine knows vouches",
        "put the intermediates after it",
    );
    no_more(balancer).await;

    let balancer = shows(&world.authority.issue(&all[..3]).unwrap(), port).await;
    let says = "the balancer shows it at cpanel.web3.connect.localhost:";
    json(&world).await.has("certificates", "wrong", says, "*.<server>.connect.localhost for each server");
    no_more(balancer).await;

    let balancer = shows(&world.authority.issue_until(&all, 1_600_000_000).unwrap(), port).await;
    let says = "the one that the balancer shows ended on 2020-09-13";
    json(&world).await.has("certificates", "wrong", says, "renew it at the balancer");
    no_more(balancer).await;
}

/// Looks with a disk of so many MiB in place of one of the world's folders.
async fn with_a_disk(world: &World, folder: &str, mebibytes: u32) -> crate::doctor::Said {
    fs::create_dir_all(world.folder().join(folder)).unwrap();
    let disk = SmallDisk::over(&world.folder().join(folder), mebibytes).await.unwrap();
    let command = disk.command(BINARY).unwrap();
    run_as(command, world, &world.config(), &["--format", "json"], true).await
}

#[tokio::test]
async fn a_disk_with_little_room_is_told() {
    let world = healthy(Style::Ports, "").await;
    change(&world.config(), "file = \"audit.jsonl\"", "file = \"records/audit.jsonl\"");
    let advice = "make room: when it is full";
    with_a_disk(&world, "state", 32).await.has("store", "wrong", "32 MiB are left on its disk", advice);
    with_a_disk(&world, "records", 32).await.has("audit", "wrong", "32 MiB are left on its disk", advice);
    // Enough for now, and not for one more audit file.
    with_a_disk(&world, "records", 200).await.has("audit", "remark", "200 MiB are left on its disk", advice);
}

#[tokio::test]
async fn a_store_that_answers_slowly_is_told() {
    let database = Postgres::start().await.unwrap();
    let detour = Detour::to(database.address()).await.unwrap();
    let world =
        healthy(Style::Ports, "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n").await;
    let address = database.url("panelgate").replace(&database.address().to_string(), &detour.address().to_string());
    fs::write(world.folder().join("database"), address).unwrap();
    fs::write(world.folder().join("server-key"), "c2VydmVyLWtleS1zZXJ2ZXIta2V5LXNlcnZlci1rZXk=").unwrap();
    // A server that hangs makes the look long, and no clock wrong.
    let silent = Loopback::claim().unwrap();
    let _socket = TcpListener::bind(silent.at(2087)).await.unwrap();
    let (address, directory) = (world.server(3).ip().to_string(), world.folder().join("directory.toml"));
    change(&directory, &address, &silent.ip().to_string());
    change(&world.config(), "connections = 100\n", "connections = 100\nupstream_connect_seconds = 4\n");
    detour.delay(Duration::from_millis(60));
    json(&world).await.has("store", "remark", "a statement takes ", "look at the load and the disk of the store");
    detour.delay(Duration::ZERO);
    let said = json(&world).await;
    said.has("server", "wrong", "no connection within 4 s", "");
    said.has("store", "remark", "it has layout 0", "back it up");
}
