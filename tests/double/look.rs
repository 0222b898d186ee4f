//! What a person sees on a page of the double, or of ours.

use anyhow::ensure;
use lab::browser::Page;

/// Whether an element has this id.
pub(crate) fn has(page: &Page, id: &str) -> bool {
    page.attribute(id, "id").is_ok()
}

/// Passes if this is the page whose element has this id.
pub(crate) fn shows(page: &Page, id: &str) -> anyhow::Result<()> {
    ensure!(page.status == 200 && has(page, id), brief(page));
    Ok(())
}

/// What a person would say.
pub(crate) fn brief(page: &Page) -> String {
    let says = match (text(page, "id=\"login-status-message\""), text(page, "id=\"refused-text\"")) {
        (Some(message), _) => format!("login page: {message}"),
        (None, Some(message)) => message,
        (None, None) => text(page, "title").unwrap_or_else(|| page.text().chars().take(60).collect()),
    };
    // The digits of the security token differ from run to run.
    let path = page.url.path().split('/').map(|part| if part.starts_with("cpsess") { "cpsess…" } else { part });
    let path = path.collect::<Vec<_>>().join("/");
    format!("{} at {}{path}: {says}", page.status, page.url.origin().ascii_serialization())
}

/// The text right behind the tag that has this in it.
fn text(page: &Page, mark: &str) -> Option<String> {
    let text = page.text();
    let (_, text) =
        text.split('<').find(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(mark)))?.split_once('>')?;
    Some(text.trim().to_owned())
}
