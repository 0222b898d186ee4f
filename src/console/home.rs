//! The console page: the bar, the server list, and the place of the panel.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::entry::Entry;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;
use crate::console::person::Person;

/// The console for a person who may open something.
#[derive(Clone, Debug)]
pub struct ConsolePage {
    /// Who is signed in.
    pub person: Person,
    /// What they may open, in any order, without duplicates.
    pub entries: Vec<Entry>,
    /// What the address names: it is opened as soon as the page is there. It need not be among `entries`.
    pub selected: Option<Entry>,
}

impl ConsolePage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|a, b| a.list_order(b));
        let servers: Vec<Server<'_>> = entries
            .chunk_by(|a, b| a.server == b.server)
            .filter_map(|entries| entries.first().map(|first| Server { first, entries }))
            .collect();
        let title = self.selected.as_ref().map_or_else(|| "Servers".into(), Entry::title);
        let template = Home {
            shell: Shell::console(title),
            person: &self.person,
            servers: &servers,
            entry_count: entries.len(),
            selected: self.selected.as_ref(),
        };
        let needs = Needs {
            scripts: true,
            fetches: true,
            frames: &site.panels,
            form_targets: &site.provider_origins,
            framed_by: None,
        };
        Rendered::new(&template, &needs)
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    shell: Shell,
    person: &'a Person,
    servers: &'a [Server<'a>],
    entry_count: usize,
    selected: Option<&'a Entry>,
}

/// The entries of one server, which stand together.
struct Server<'a> {
    first: &'a Entry,
    entries: &'a [&'a Entry],
}

impl Server<'_> {
    /// Whether the server's name says more than its id.
    fn is_named(&self) -> bool {
        self.first.server_name != self.first.server.as_str()
    }
}
