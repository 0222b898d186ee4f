//! Static files under `/cPanel_magic_revision_…/`: no security token, cacheable, compressed when asked.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::REVISION;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;

#[rustfmt::skip]
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=\"utf-8\"", include_str!("style.css")),
    ("dot.svg", "image/svg+xml", include_str!("dot.svg")),
    ("main.js", JS, include_str!("main.js")),
    ("links.js", JS, include_str!("links.js")),
    ("path.js", JS, include_str!("path.js")),
    ("terminal.js", JS, include_str!("terminal.js")),
    ("upload.js", JS, include_str!("upload.js")),
    ("submit.js", JS, include_str!("submit.js")),
    ("framing.js", JS, include_str!("framing.js")),
    ("open.js", JS, include_str!("open.js")),
    ("roundcube.js", JS, include_str!("roundcube.js")),
    ("events.js", JS, include_str!("events.js")),
];
const JS: &str = "application/javascript; charset=\"utf-8\"";

/// Answers a request to an asset, if the path is one's. Any revision number counts, as in life, where
/// it only keeps caches apart.
pub(crate) fn answer(exchange: &Exchange<'_>) -> Option<Answer> {
    let prefix = REVISION.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let rest = exchange.path.strip_prefix(prefix)?;
    let name = rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).strip_prefix("/lab/")?;
    let (_, content_type, text) = ASSETS.iter().find(|(asset, _, _)| *asset == name)?;
    let zipped = (exchange.switches.gzip_assets && exchange.request.lists("Accept-Encoding", "gzip"))
        .then(|| gzip(text.as_bytes()))
        .flatten();
    let answer = match zipped {
        Some(bytes) => Answer::new(200, "OK", content_type, bytes).header("Content-Encoding", "gzip"),
        None => Answer::new(200, "OK", content_type, *text),
    };
    Some(answer.header("Cache-Control", "max-age=5184000, public").header("Vary", "Accept-Encoding"))
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
