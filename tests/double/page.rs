//! An answer that a browser shows, and what stands in it.

use http::HeaderMap;
use http::StatusCode;
use url::Url;

use super::failure::Failure;
use super::failure::Outcome;
use super::failure::holds;

/// Where a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// In a tab of its own.
    Top,
    /// In a frame.
    Frame,
}

/// An answer, after all redirects.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) shown: Shown,
}

impl Page {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The start tag of the element with this id.
    fn tag(&self, id: &str) -> Option<&str> {
        self.body.split('<').find(|tag| tag.contains(&format!("id=\"{id}\"")))
    }

    /// Whether an element has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.tag(id).is_some()
    }

    /// An attribute of the element with this id.
    pub(crate) fn attribute(&self, id: &str, name: &str) -> Result<String, Failure> {
        let value = self.tag(id).and_then(|tag| quoted(tag, name));
        value.ok_or_else(|| Failure::new(format!("no {id} with {name} in: {}", self.brief())))
    }

    /// The value of a form's field of this name.
    pub(crate) fn field(&self, name: &str) -> Result<String, Failure> {
        let tag = self.body.split('<').find(|tag| tag.contains(&format!("name=\"{name}\"")));
        let value = tag.and_then(|tag| quoted(tag, "value"));
        value.ok_or_else(|| Failure::new(format!("no field {name} in: {}", self.brief())))
    }

    /// Where a META refresh of this page leads.
    pub(crate) fn meta_refresh(&self) -> Option<String> {
        let refresh = self.body.split('<').find(|tag| tag.to_ascii_lowercase().contains("http-equiv=\"refresh\""))?;
        let content = quoted(refresh, "content").or_else(|| quoted(refresh, "CONTENT"))?;
        let at = content.to_ascii_lowercase().find("url=")?;
        content.get(at + "url=".len()..).map(str::to_owned)
    }

    /// Passes if this is the page whose element has this id.
    pub(crate) fn must_have(&self, id: &str) -> Outcome {
        holds(self.status.is_success() && self.has(id), self.brief())
    }

    /// What a person would say that they see.
    pub(crate) fn brief(&self) -> String {
        let says = match (self.field_text("login-status-message"), self.field_text("refused-text")) {
            (Some(text), _) if !text.is_empty() => format!("login page: {text}"),
            (Some(_), _) => "login page".to_owned(),
            (None, Some(text)) => text,
            (None, None) => self.title(),
        };
        format!("{} at {}{}: {says}", self.status.as_u16(), self.url.origin().ascii_serialization(), short(&self.url))
    }

    fn title(&self) -> String {
        let text = self.body.split_once("<title>").and_then(|(_, rest)| rest.split_once('<'));
        text.map_or_else(|| self.body.chars().take(60).collect(), |(title, _)| title.trim().to_owned())
    }

    fn field_text(&self, id: &str) -> Option<String> {
        self.tag(id)?.split_once('>').map(|(_, text)| text.trim().to_owned())
    }
}

/// The path without the digits that differ from run to run, and without the query.
fn short(url: &Url) -> String {
    let kept = url.path().split('/').map(|segment| if segment.starts_with("cpsess") { "cpsess…" } else { segment });
    kept.collect::<Vec<_>>().join("/")
}

fn quoted(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
