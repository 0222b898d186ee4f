//! The `Link` header (RFC 8288): what it tells a browser to load must lie on the same panel origin.

use http::HeaderValue;

use crate::rewrite::address::Leads;
use crate::rewrite::address::PanelAddresses;
use crate::rewrite::request::OURS;

/// Relations that pass: they load, or announce, a part of the page. None leads a person anywhere.
const RELATIONS: [&str; 5] = ["preload", "modulepreload", "stylesheet", "prefetch", "icon"];

/// Parameters that pass beside `rel` (HTML standard, "processing Link headers").
const PARAMETERS: [&str; 4] = ["as", "type", "crossorigin", "media"];

/// Most links of one header line that are looked at.
const MOST: usize = 32;

/// The links of a header line that stay on the panel origin, with their addresses on our side.
pub(super) fn own_links(value: &HeaderValue, path: &str, addresses: &PanelAddresses) -> Option<HeaderValue> {
    let mut rest = value.to_str().ok()?;
    let mut kept = Vec::new();
    for _ in 0..MOST {
        let Some((link, after)) = take(rest) else { break };
        kept.extend(own_link(link, path, addresses));
        rest = after;
    }
    (!kept.is_empty()).then(|| HeaderValue::from_str(&kept.join(", ")).ok())?
}

/// One link: its address, and its parameters as written.
type Link<'h> = (&'h str, &'h str);

/// The first link of a line, and what follows it. A comma within quotes or an address ends none.
fn take(line: &str) -> Option<(Link<'_>, &str)> {
    let (_, opened) = line.split_once('<')?;
    let (address, after) = opened.split_once('>')?;
    let mut quoted = false;
    let end = after.find(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let (parameters, rest) = after.split_at_checked(end.unwrap_or(after.len()))?;
    Some(((address, parameters), rest))
}

fn own_link((address, parameters): Link<'_>, path: &str, addresses: &PanelAddresses) -> Option<String> {
    let Leads::Here(here) = addresses.leads(path, address)? else { return None };
    if here.starts_with(OURS) {
        return None;
    }
    let mut kept = vec![format!("<{here}>")];
    let mut relates = false;
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
        let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/+. ".contains(&b));
        let wanted = if name == "rel" {
            relates = value.split_ascii_whitespace().all(|rel| RELATIONS.contains(&rel.to_ascii_lowercase().as_str()));
            relates
        } else {
            PARAMETERS.contains(&name.as_str())
        };
        if wanted && plain {
            kept.push(format!("{name}=\"{value}\""));
        }
    }
    relates.then(|| kept.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::address::tests::addresses;

    #[test]
    fn only_parts_of_the_same_panel_are_announced() {
        let own = |line: &'static str| {
            let kept = own_links(&HeaderValue::from_static(line), "/cpsess1/x", &addresses());
            kept.map(|kept| kept.to_str().unwrap().to_owned())
        };
        assert_eq!(own("</a.css>; rel=preload; as=style").as_deref(), Some("</a.css>; rel=\"preload\"; as=\"style\""));
        assert_eq!(
            own(
                "<https://web1.hosting.example:2087/a,b.js>; rel=\"preload\"; title=\"x, y\", <b.js>; rel=modulepreload"
            )
            .as_deref(),
            Some("</a,b.js>; rel=\"preload\", </cpsess1/b.js>; rel=\"modulepreload\"")
        );
        for dropped in [
            "<https://evil.example/x>; rel=preload; as=script",
            "<https://web1.hosting.example:2083/x>; rel=preload",
            "</.panelgate/leave>; rel=prefetch",
            "</x>; rel=next",
            "</x>; rel=\"preload dns-prefetch\"",
            "</x>",
            "rel=preload",
            "<javascript:alert(1)>; rel=preload",
        ] {
            assert_eq!(own(dropped), None, "{dropped}");
        }
    }
}
