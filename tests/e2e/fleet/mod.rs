//! The fleet's keys: the vault, enrolment, rotation.

mod cases;
mod enrol;
mod probe;
mod rotate;
mod shield;
mod vault;
mod watch;

use std::process::Stdio;

use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::stage::BINARY;

/// A master key.
pub(crate) const MASTER_KEY: &str = "dmF1bHQtbWFzdGVyLWtleS0wMTIzNDU2Nzg5MDEyMzQ=";

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) bytes: Vec<u8>,
}

impl Said {
    /// That it did what it was asked for.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }
}

/// A world whose servers have their tokens in the vault, which is empty as yet.
pub(crate) async fn world(more: &str) -> World {
    let more = format!("[vault]\nmaster_key = \"file:master-key\"\n{more}");
    let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
    std::fs::write(world.folder().join("master-key"), MASTER_KEY).unwrap();
    let directory = world.folder().join("directory.toml");
    let text = std::fs::read_to_string(&directory).unwrap();
    let text = ["web1", "web2", "web3"]
        .iter()
        .fold(text, |text, id| text.replace(&format!("file:{id}-token"), &format!("vault:{id}")));
    std::fs::write(directory, text).unwrap();
    world
}

/// Runs a command of the program on the world's files, with this on its standard input.
pub(crate) async fn panelgate(world: &World, arguments: &[&str], input: &[u8]) -> Said {
    let mut command = Command::new(BINARY);
    command.args(arguments).arg("--config").arg(world.config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Whoever does not want it may close it.
    drop(stdin.write_all(input).await);
    drop(stdin);
    let done = child.wait_with_output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: done.status.code().unwrap(), out: text(&done.stdout), err: text(&done.stderr), bytes: done.stdout }
}

/// Looks at all servers from outside, and keeps what was seen.
pub(crate) async fn look_from_outside(world: &World) {
    let report = shield::report(world).await;
    shield::record(world, &report).await;
}

/// Puts the tokens of all servers into the vault.
pub(crate) async fn fill(world: &World) {
    for (id, server) in ["web1", "web2", "web3"].iter().zip(&world.servers) {
        let token = format!("{}\n", server.token_for("root"));
        panelgate(world, &["vault", "set", id, "--token-name", "panelgate"], token.as_bytes()).await.done();
    }
}
