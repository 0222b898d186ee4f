//! The moment in which the console takes over: somebody goes on from a panel to another one.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::entry::Entry;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;

/// Asks the console around the frame to open another account or service of the same server.
///
/// The console and not the frame goes there: so it knows what it shows, and the bar above it says so.
#[derive(Clone, Debug)]
pub struct HopPage {
    /// Where the person goes on to.
    pub to: Entry,
}

impl HopPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = HopTemplate {
            shell: Shell::framed("Opening"),
            console: site.console.to_string(),
            service: self.to.service.as_str(),
            account: self.to.account.as_str(),
            title: self.to.title(),
            address: format!("{}{}", site.console, paths::panel(&self.to)),
        };
        Rendered::new(&template, &Needs { scripts: true, framed_by: Some(&site.console), ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "hop.html")]
struct HopTemplate<'a> {
    shell: Shell,
    console: String,
    service: &'a str,
    account: &'a str,
    title: String,
    address: String,
}
