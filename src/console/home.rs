//! The console page: the bar, the server list, and the place of the panel.

use askama::Template;

use crate::console::assets;
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
    /// The mark by which the page is told from one of somebody else.
    pub person_mark: String,
    /// What they may open, in any order, without duplicates.
    pub entries: Vec<Entry>,
    /// What the address names: it is opened as soon as the page is there. It need not be among `entries`.
    pub selected: Option<Entry>,
}

impl ConsolePage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let entries = in_order(&self.entries);
        let servers = by_server(&entries);
        let title = self.selected.as_ref().map_or_else(|| "Servers".into(), Entry::title);
        let template = Home {
            shell: Shell::console(title),
            person: &self.person,
            person_mark: &self.person_mark,
            servers: &servers,
            entry_count: entries.len(),
            mark: mark(&entries),
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
    person_mark: &'a str,
    servers: &'a [Server<'a>],
    entry_count: usize,
    mark: String,
    selected: Option<&'a Entry>,
}

/// The list alone, for a console that is open already.
#[derive(Template)]
#[template(path = "list.html")]
struct List<'a> {
    servers: &'a [Server<'a>],
    entry_count: usize,
    mark: String,
}

/// The list of what somebody may open now, for the page that has shown it before.
pub fn server_list(entries: &[Entry]) -> Rendered {
    let entries = in_order(entries);
    let (servers, mark) = (by_server(&entries), mark(&entries));
    Rendered::new(&List { servers: &servers, entry_count: entries.len(), mark }, &Needs::NOTHING)
}

/// Stands for what a list holds: two that differ have different marks.
pub fn list_mark(entries: &[Entry]) -> String {
    mark(&in_order(entries))
}

fn mark(entries: &[&Entry]) -> String {
    let text = entries.iter().fold(String::new(), |text, entry| {
        let Entry { server, server_name, service, account, trouble } = entry;
        let trouble = trouble.unwrap_or_default();
        text + &format!("{server}\n{server_name}\n{service}\n{account}\n{trouble}\n")
    });
    assets::fingerprint(text.as_bytes())
}

fn in_order(entries: &[Entry]) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.list_order(b));
    entries
}

fn by_server<'a>(entries: &'a [&'a Entry]) -> Vec<Server<'a>> {
    let servers = entries.chunk_by(|a, b| a.server == b.server);
    servers.filter_map(|entries| entries.first().map(|first| Server { first, entries })).collect()
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
