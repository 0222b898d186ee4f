//! The moment between our hand-off and the panel's own first page.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::model::Target;

/// Goes on to the panel by itself.
///
/// A page and not a redirect: what it leads to must have been caused by the panel's own origin, and a
/// redirect would count as caused by the console.
#[derive(Clone, Debug)]
pub struct EnteringPage {
    /// The panel's page.
    pub landing: Target,
}

impl EnteringPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = EnteringTemplate { shell: Shell::framed("Opening"), landing: self.landing.as_str() };
        Rendered::new(&template, &Needs { framed_by: Some(&site.console), ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "entering.html")]
struct EnteringTemplate<'a> {
    shell: Shell,
    landing: &'a str,
}
