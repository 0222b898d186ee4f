//! A network of its own for one test, with addresses that the machine does not have.

use std::env;
use std::future::Future;

use anyhow::Context as _;
use anyhow::ensure;

use crate::namespace::unshare;

/// Says which test runs in a network of its own already.
const INSIDE: &str = "PANELGATE_TEST_NETWORK";

/// Loopback with these addresses beside the usual ones, in a network namespace, and then the command that follows.
const PREPARE: &str =
    r#"ip link set lo up && for address in $1; do ip address add "$address" dev lo || exit; done; shift; exec "$@""#;

/// Runs a test where loopback has these addresses too, and nothing else can be reached. `name` is the test's own, as
/// the test binary lists it: the binary is started again for this one test.
///
/// # Errors
/// When there can be no such network, or the test fails there; then with what it said.
#[expect(clippy::print_stderr, reason = "whoever reads what tests say reads this test's too")]
pub fn apart(name: &str, addresses: &[&str], test: impl Future<Output = ()>) -> anyhow::Result<()> {
    if env::var(INSIDE).is_ok_and(|inside| inside == name) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test);
        return Ok(());
    }
    let output = unshare("--net")
        .args(["sh", "-c", PREPARE, "sh", &addresses.join(" ")])
        .arg(env::current_exe().context("the test's own program is not known")?)
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, name)
        .output()
        .context("there is no unshare(1)")?;
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    eprint!("{said}");
    ensure!(output.status.success() && said.contains("1 passed"), "in a network of its own: {said}");
    Ok(())
}
