//! What every page shares: the installation it belongs to, and the shape in which it is handed over.

use askama::Template;

use crate::console::assets;
use crate::console::csp::FrameSource;
use crate::console::csp::Needs;
use crate::console::gzip::Effort;
use crate::console::gzip::gzip;
use crate::console::paths;
use crate::model::Origin;
use crate::model::ProviderId;

/// The installation that the pages belong to; the same for every request.
#[derive(Clone, Debug)]
pub struct Site {
    /// The console origin.
    pub console: Origin,
    /// The providers that people may sign in with; at least one.
    pub providers: Vec<SignInChoice>,
    /// The providers' origins: signing out answers a form with a redirect there.
    pub provider_origins: Vec<Origin>,
    /// The panel origins.
    pub panels: Vec<FrameSource>,
}

/// A provider that people may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInChoice {
    /// Its id.
    pub id: ProviderId,
    /// Its name, as people know it.
    pub name: String,
}

impl Site {
    /// The provider in a sentence: by its name if there is one alone.
    pub(in crate::console) fn sign_in_service(&self) -> &str {
        match self.providers.as_slice() {
            [only] => &only.name,
            _ => "your sign-in service",
        }
    }
}

/// A page with the policy that it was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rendered {
    /// The HTML.
    pub html: String,
    /// The value of `Content-Security-Policy`.
    pub content_security_policy: String,
}

impl Rendered {
    pub(in crate::console) fn new(template: &impl Template, needs: &Needs<'_>) -> Self {
        #[expect(clippy::expect_used, reason = "templates only write text to a String, which cannot fail")]
        let html = template.render().expect("a template of text renders");
        Self { html, content_security_policy: needs.policy() }
    }

    /// The HTML in gzip. Only for a page that repeats nothing of its request: from the sizes of what it chose to
    /// have repeated beside it, another site could guess what else the page says.
    pub fn packed(&self) -> Option<Vec<u8>> {
        gzip(self.html.as_bytes(), Effort::Fast).ok()
    }
}

/// What the frame of every page's HTML needs: its title, and where its assets lie.
#[derive(Clone, Debug)]
pub(in crate::console) struct Shell {
    /// The document title, without the product's name.
    pub(in crate::console) title: String,
    prefix: &'static str,
}

impl Shell {
    /// For a page on the console origin.
    pub(in crate::console) fn console(title: impl Into<String>) -> Self {
        Self { title: title.into(), prefix: "" }
    }

    /// For a page in the place of a panel, where only the reserved prefix is ours.
    pub(in crate::console) fn framed(title: impl Into<String>) -> Self {
        Self { title: title.into(), prefix: paths::RESERVED }
    }

    /// The path of an asset by its name in the source.
    pub(in crate::console) fn asset(&self, name: &str) -> String {
        format!("{}{}", self.prefix, assets::path_of(name))
    }
}
