//! What a browser holds after an answer: an address, a head, a body, and where it is shown.

use anyhow::Context as _;
use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use crate::browser::framing;
use crate::browser::metadata::ReferrerPolicy;

/// An answer as it is shown, or as a script sees it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address, after all redirects.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The head.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// The pages around it, outermost first; none in the top window.
    pub(super) ancestors: Vec<Url>,
    pub(super) policy: ReferrerPolicy,
}

impl Page {
    /// A page that nobody has loaded, to cause requests from: another site's, for example.
    ///
    /// # Errors
    /// When the address is none.
    pub fn imagined(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.parse().with_context(|| format!("{url} is no URL"))?,
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            ancestors: Vec::new(),
            policy: ReferrerPolicy::default(),
        })
    }

    /// The same page, shown in a frame of another.
    #[must_use]
    pub fn framed_by(mut self, outer: &Self) -> Self {
        self.ancestors = outer.lineage();
        self
    }

    /// Whether nothing is around it: it has a tab to itself.
    pub fn is_alone(&self) -> bool {
        self.ancestors.is_empty()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none, with what it is.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {} {}", self.status, self.text()))
    }

    /// A header line; of several, all with commas between.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// An attribute of the element with this id, unescaped.
    ///
    /// # Errors
    /// When there is no such element, or it has no such attribute; with the page.
    pub fn attribute(&self, id: &str, name: &str) -> anyhow::Result<String> {
        let text = self.text();
        let tag = text
            .split('<')
            .filter_map(|rest| rest.split('>').next())
            .find(|tag| value(tag, "id").as_deref() == Some(id))
            .with_context(|| format!("no element {id} at {}: {} {text}", self.url, self.status))?;
        value(tag, name).with_context(|| format!("no attribute {name} in <{tag}>"))
    }

    /// The value of the form field with this name, unescaped.
    ///
    /// # Errors
    /// When there is no such field, with the page.
    pub fn field(&self, name: &str) -> anyhow::Result<String> {
        let text = self.text();
        text.split('<')
            .filter_map(|rest| rest.split('>').next())
            .filter(|tag| tag.starts_with("input"))
            .find(|tag| value(tag, "name").as_deref() == Some(name))
            .and_then(|tag| value(tag, "value"))
            .with_context(|| format!("no field {name} at {}: {} {text}", self.url, self.status))
    }

    /// An address on this page, resolved.
    ///
    /// # Errors
    /// When it is none.
    pub fn resolve(&self, address: &str) -> anyhow::Result<Url> {
        self.url.join(address).with_context(|| format!("{address} is no address"))
    }

    /// Where a person ends up who follows an address of this page: the gateway's script in it catches those
    /// with the server's own names and ports. (The one script that this browser knows; `tests/browsers`
    /// runs it in real ones.)
    pub(super) fn caught(&self, url: Url) -> Url {
        let text = self.text();
        let mut tags = text.split("<script").skip(1).filter_map(|rest| rest.split('>').next());
        let ours = |tag: &&str| value(tag, "src").is_some_and(|src| src.starts_with("/.panelgate/assets/panel."));
        let Some(tag) = tags.find(ours) else { return url };
        let label = match url.port() {
            Some(2086 | 2087) => "data-whm",
            Some(2082 | 2083) => "data-cpanel",
            Some(2095 | 2096) => "data-webmail",
            Some(_) | None => return url,
        };
        let names = value(tag, "data-names").unwrap_or_default();
        let known = |host: &str| names.split(' ').any(|name| name == host) || self.url.host_str() == Some(host);
        if !url.host_str().is_some_and(known) {
            return url;
        }
        let ours = value(tag, label).and_then(|origin| Url::parse(&origin).ok());
        ours.and_then(|origin| origin.join(&url[url::Position::BeforePath..]).ok()).unwrap_or(url)
    }

    /// Where `<meta http-equiv="refresh">` leads without a delay.
    pub(super) fn refresh(&self) -> Option<Url> {
        let text = self.text();
        let content = text
            .split('<')
            .filter_map(|rest| rest.split('>').next())
            .filter(|tag| value(tag, "http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh")))
            .find_map(|tag| value(tag, "content"))?;
        let (delay, rest) = content.split_once([';', ','])?;
        let (name, address) = rest.split_once('=')?;
        let now = delay.trim() == "0" && name.trim().eq_ignore_ascii_case("url");
        now.then(|| self.url.join(address.trim()).ok())?
    }

    /// Passes if a browser shows it inside these pages, whose order does not matter; fails with the header
    /// that forbids it.
    ///
    /// # Errors
    /// When it may not be framed by all of them.
    pub fn check_framing(&self, ancestors: &[Url]) -> anyhow::Result<()> {
        framing::check(&self.headers, &self.url, ancestors)
    }

    /// Passes if it is shown where it was loaded.
    pub(super) fn check_shown(&self) -> anyhow::Result<()> {
        self.check_framing(&self.ancestors)
    }

    /// The pages around what this page frames.
    pub(super) fn lineage(&self) -> Vec<Url> {
        let mut lineage = self.ancestors.clone();
        lineage.push(self.url.clone());
        lineage
    }
}

/// The value of an attribute (its name in small letters) in the inside of a tag. Only the quoted form is known, which all our pages use.
fn value(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some(at) = rest.to_ascii_lowercase().find(name) {
        let (before, after) = rest.split_at_checked(at)?;
        let (_, after) = after.split_at_checked(name.len())?;
        if let Some(quoted) = after.strip_prefix("=\"").filter(|_| before.ends_with(char::is_whitespace)) {
            return quoted.split('"').next().map(unescape);
        }
        rest = after;
    }
    None
}

fn unescape(text: &str) -> String {
    [("&lt;", "<"), ("&#60;", "<"), ("&gt;", ">"), ("&#62;", ">"), ("&quot;", "\""), ("&#34;", "\"")]
        .into_iter()
        .chain([("&#39;", "'"), ("&#x27;", "'"), ("&#38;", "&"), ("&amp;", "&")])
        .fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &'static str) -> Page {
        Page { body: Bytes::from_static(html.as_bytes()), ..Page::imagined("https://a.example.com/b/c").unwrap() }
    }

    #[test]
    fn elements_are_found_by_their_id() {
        let page = page(r#"<a data-id="x" id="y" href="/1?a&amp;b">y</a><a class="c" href="2" id="x">x</a>"#);
        assert_eq!(page.attribute("x", "href").unwrap(), "2");
        assert_eq!(page.attribute("y", "href").unwrap(), "/1?a&b");
        assert!(page.attribute("z", "href").is_err());
        assert_eq!(page.resolve("2").unwrap().as_str(), "https://a.example.com/b/2");
    }

    #[test]
    fn a_page_that_leads_on_at_once_is_followed() {
        let refresh = |html| page(html).refresh().map(String::from);
        let on = refresh(r#"<META HTTP-EQUIV="refresh"><meta http-equiv="refresh" content="0;url=/x?a=1&#38;b=2">"#);
        assert_eq!(on.as_deref(), Some("https://a.example.com/x?a=1&b=2"));
        let shouted = refresh(r#"<META HTTP-EQUIV="refresh" CONTENT="0;URL=/x">"#);
        assert_eq!(shouted.as_deref(), Some("https://a.example.com/x"));
        assert_eq!(refresh(r#"<meta http-equiv="refresh" content="5;url=/x">"#), None);
        assert_eq!(refresh("<p>none"), None);
    }
}
