//! The page in the place of a tool that refuses to be framed.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;

/// Offers the tool in a tab of its own: by a link to the very address that the frame was sent to, on the same
/// panel origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTabPage {
    /// The path and query of the tool.
    pub target: String,
}

impl OwnTabPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = OwnTabTemplate { shell: Shell::framed("Opens in a tab of its own"), target: &self.target };
        Rendered::new(&template, &Needs { framed_by: Some(&site.console), ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "own_tab.html")]
struct OwnTabTemplate<'a> {
    shell: Shell,
    target: &'a str,
}
