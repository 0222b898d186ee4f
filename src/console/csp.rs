//! The Content-Security-Policy of every page (CSP Level 3).
//!
//! The same rules hold on all of them: nothing inline, nothing foreign, no text turned into markup
//! (Trusted Types). Pages differ only in what they may frame, fetch, run, and be framed by.

use std::fmt;

use crate::model::Host;
use crate::model::Origin;
use crate::model::Scheme;

/// Where frames may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameSource {
    /// One origin.
    Exact(Origin),
    /// Every host below this one, at any depth, on one port: one short source instead of one for each
    /// of hundreds of servers, which no header would hold.
    Below {
        /// The scheme.
        scheme: Scheme,
        /// The host above.
        host: Host,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for FrameSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => write!(f, "{origin}"),
            Self::Below { scheme, host, port } if *port == scheme.default_port() => {
                write!(f, "{}://*.{host}", scheme.as_str())
            }
            Self::Below { scheme, host, port } => write!(f, "{}://*.{host}:{port}", scheme.as_str()),
        }
    }
}

/// What one page needs beyond the rules that all share.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct Needs<'a> {
    /// Whether it has scripts.
    pub(in crate::console) scripts: bool,
    /// Whether its scripts fetch from their own origin.
    pub(in crate::console) fetches: bool,
    /// What it may frame.
    pub(in crate::console) frames: &'a [FrameSource],
    /// Where a form's answer may redirect to, besides its own origin.
    pub(in crate::console) form_targets: &'a [Origin],
    /// What may frame it, besides pages of its own origin: every ancestor counts, and WHM frames WHM.
    /// Nothing may unless given.
    pub(in crate::console) framed_by: Option<&'a Origin>,
}

impl Needs<'_> {
    /// A page without scripts, frames or foreign forms.
    pub(in crate::console) const NOTHING: Self =
        Self { scripts: false, fetches: false, frames: &[], form_targets: &[], framed_by: None };

    /// The policy as a header value.
    pub(in crate::console) fn policy(&self) -> String {
        let own = |yes: bool| if yes { "'self'" } else { "'none'" };
        let frames = if self.frames.is_empty() { " 'none'".into() } else { spaced(self.frames) };
        let forms = spaced(self.form_targets);
        let ancestors = self.framed_by.map_or_else(|| "'none'".into(), |console| format!("'self' {console}"));
        format!(
            "default-src 'none'; script-src {}; style-src 'self'; img-src 'self'; connect-src {}; \
             form-action 'self'{forms}; frame-src{frames}; worker-src 'none'; base-uri 'none'; \
             frame-ancestors {ancestors}; require-trusted-types-for 'script'; trusted-types 'none'",
            own(self.scripts),
            own(self.fetches),
        )
    }
}

/// Each with a space in front.
fn spaced(sources: &[impl fmt::Display]) -> String {
    use fmt::Write as _;
    sources.iter().fold(String::new(), |mut text, source| {
        // Writing to a `String` cannot fail.
        if write!(text, " {source}").is_err() {
            text.clear();
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_only_what_the_page_needs() {
        assert_eq!(
            Needs::NOTHING.policy(),
            "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self'; connect-src 'none'; \
             form-action 'self'; frame-src 'none'; worker-src 'none'; base-uri 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        );
        let console: Origin = "https://connect.example.com".parse().unwrap();
        let frames = [
            FrameSource::Below { scheme: Scheme::Https, host: console.host.clone(), port: 2087 },
            FrameSource::Below { scheme: Scheme::Https, host: console.host.clone(), port: 443 },
            FrameSource::Exact("http://localhost:9".parse().unwrap()),
        ];
        let provider = ["https://login.example.com".parse().unwrap()];
        let needs =
            Needs { scripts: true, fetches: true, frames: &frames, form_targets: &provider, framed_by: Some(&console) };
        assert_eq!(
            needs.policy(),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self' https://login.example.com; \
             frame-src https://*.connect.example.com:2087 https://*.connect.example.com http://localhost:9; \
             worker-src 'none'; base-uri 'none'; frame-ancestors 'self' https://connect.example.com; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        );
    }
}
