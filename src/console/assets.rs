//! The style sheet, the scripts and the mark, embedded in the binary.
//!
//! Each lies under a name with the first 16 hexadecimal digits of the SHA-256 of its bytes, so it may be
//! cached for ever. Scripts import each other by such names too: an import map would be an inline script,
//! so the relative imports are rewritten once, leaves first, when the first asset is asked for.

use std::sync::LazyLock;

use aws_lc_rs::digest;

use crate::console::gzip::Effort;
use crate::console::gzip::gzip;
use crate::console::paths;

/// A file that pages load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The bytes to send.
    pub body: &'static [u8],
    /// The same in gzip, for who takes it.
    pub packed: Option<&'static [u8]>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The path on the console origin, such as `/assets/console.0123456789abcdef.css`.
    pub path: String,
    /// The name in the source, such as `console.css`.
    name: &'static str,
}

/// Sources by name; a script stands behind every script that it imports.
const SOURCES: [(&str, &str); 17] = [
    ("mark.svg", include_str!("assets/mark.svg")),
    ("console.css", include_str!("assets/console.css")),
    ("sessions.css", include_str!("assets/sessions.css")),
    ("dom.js", include_str!("assets/dom.js")),
    ("entry.js", include_str!("assets/entry.js")),
    ("api.js", include_str!("assets/api.js")),
    ("recent.js", include_str!("assets/recent.js")),
    ("notices.js", include_str!("assets/notices.js")),
    ("tabs.js", include_str!("assets/tabs.js")),
    ("gate.js", include_str!("assets/gate.js")),
    ("signed-in.js", include_str!("assets/signed-in.js")),
    ("menu.js", include_str!("assets/menu.js")),
    ("stage.js", include_str!("assets/stage.js")),
    ("console.js", include_str!("assets/console.js")),
    ("copy.js", include_str!("assets/copy.js")),
    ("framed.js", include_str!("assets/framed.js")),
    ("panel.js", include_str!("assets/panel.js")),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let mut assets: Vec<Asset> = Vec::with_capacity(SOURCES.len());
    for (name, source) in SOURCES {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut text = source.to_owned();
        for earlier in &assets {
            let hashed = earlier.path.strip_prefix(paths::ASSETS).unwrap_or_default();
            text = text.replace(&format!("from \"./{}\"", earlier.name), &format!("from \"./{hashed}\""));
        }
        let path = format!("{}{stem}.{}.{extension}", paths::ASSETS, fingerprint(text.as_bytes()));
        // Leaked once and kept as long as the program runs, like the sources themselves.
        let body = text.leak().as_bytes();
        let packed = gzip(body, Effort::Best).ok().map(|packed| &*packed.leak());
        assets.push(Asset { body, packed, content_type: content_type(extension), path, name });
    }
    assets
});

/// The asset at a path on the console origin, or below the reserved prefix of a panel origin.
pub fn find(path: &str) -> Option<&'static Asset> {
    let path = path.strip_prefix(paths::RESERVED).unwrap_or(path);
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The path on a panel origin of the script that catches links in a panel's own pages.
pub fn panel_script() -> String {
    format!("{}{}", paths::RESERVED, path_of("panel.js"))
}

/// The path of the asset that has this name in the source; empty if there is none.
pub(in crate::console) fn path_of(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.path.as_str())
}

/// The first 16 hexadecimal digits of the SHA-256.
pub(in crate::console) fn fingerprint(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        if write!(text, "{byte:02x}").is_err() {
            text.clear();
        }
        text
    })
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_holds_the_hash_of_what_is_sent() {
        for asset in ASSETS.iter() {
            assert!(asset.path.contains(&format!(".{}.", fingerprint(asset.body))), "{}", asset.path);
            assert_eq!(find(&asset.path), Some(asset));
            assert_eq!(find(&format!("/.panelgate{}", asset.path)), Some(asset));
            assert_ne!(asset.content_type, "application/octet-stream", "{}", asset.path);
        }
        assert_eq!(find("/assets/console.css"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn scripts_import_each_other_by_names_that_exist() {
        let mut imports = 0;
        for asset in ASSETS.iter().filter(|asset| asset.content_type == content_type("js")) {
            let text = str::from_utf8(asset.body).unwrap();
            for line in text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from ")) {
                let name = line.split("\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(line);
                assert!(find(&format!("/assets/{name}")).is_some(), "{}: {line}", asset.path);
                imports += 1;
            }
        }
        assert!(imports > 5, "no imports were found, so none were checked");
    }

    #[test]
    fn the_console_stays_small() {
        // As they are written; what is sent is half of it (`tests/e2e/weight.rs`). What panels and pages of their own
        // load comes on top, and only there.
        let elsewhere = ["panel.js", "framed.js", "copy.js", "sessions.css", "gate.js", "signed-in.js"];
        let on_the_page = ASSETS.iter().filter(|asset| !elsewhere.contains(&asset.name));
        let total: usize = on_the_page.map(|asset| asset.body.len()).sum();
        assert!(total < 60_000, "styles and scripts have grown to {total} bytes");
    }

    #[test]
    fn scripts_never_turn_text_into_markup_or_code() {
        for (name, source) in SOURCES {
            for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!source.contains(sink), "{name} uses {sink}");
            }
        }
    }
}
