//! The page between a panel and a foreign site.

use askama::Template;
use url::Url;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;

/// Says where a link leads before anybody goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavePage {
    /// Where it would go. Only `http` and `https` become a link; anything else is only shown.
    pub url: Url,
    /// Whether the page takes the place of a panel.
    pub in_frame: bool,
}

impl LeavePage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let title = "Leaving Panelgate";
        let template = LeaveTemplate {
            shell: if self.in_frame { Shell::framed(title) } else { Shell::console(title) },
            url: self.url.as_str(),
            // The URL parser writes a name with foreign letters in ASCII, so look-alikes show as what they are.
            host: self.url.host_str().unwrap_or_default(),
            is_web: matches!(self.url.scheme(), "http" | "https"),
            in_frame: self.in_frame,
        };
        Rendered::new(&template, &Needs { framed_by: self.in_frame.then_some(&site.console), ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "leave.html")]
struct LeaveTemplate<'a> {
    shell: Shell,
    url: &'a str,
    host: &'a str,
    is_web: bool,
    in_frame: bool,
}
