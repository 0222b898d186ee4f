//! Running a script of `tests/browser/journey` with node.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::process::Command;

/// Longest that one journey may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(10);

/// A browser of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// `chromium`.
    Chromium,
    /// `firefox-esr`.
    Firefox,
    /// `webkit2gtk-driver`.
    WebKit,
}

impl Browser {
    const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkitgtk",
        }
    }
}

/// Runs a script in a browser. What it is told is the description, the browser, and where pictures go:
/// `tests/output/screenshots/<browser>-<name>`.
///
/// # Errors
/// When the script fails (it has said at which step, and why), or takes too long.
pub(crate) async fn run(script: &str, browser: Browser, name: &str, description: &Value) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/browser");
    anyhow::ensure!(folder.join("node_modules/puppeteer-core").exists(), "run `npm ci` in tests/browser first");
    let pictures = root.join("tests/output/screenshots").join(format!("{}-{name}", browser.name()));
    let mut told = description.as_object().context("the description is an object")?.clone();
    told.insert("browser".into(), browser.name().into());
    told.insert("screenshots".into(), pictures.to_string_lossy().into());
    let mut node = Command::new("node")
        .arg(Path::new("journey").join(script))
        .current_dir(&folder)
        .env("PANELGATE_JOURNEY", Value::from(told).to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("node does not start")?;
    let ended = tokio::time::timeout(DEADLINE, node.wait()).await.context("the journey takes too long")??;
    anyhow::ensure!(ended.success(), "{} failed; the lines above say where and why", browser.name());
    Ok(())
}
