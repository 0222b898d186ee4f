//! The pages on which those with the right see who is signed in, and end access by hand.
//!
//! They have no scripts: what is to end is chosen by a link, shown on a page of its own, and ended by a form.

use askama::Template;
use url::form_urlencoded;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;
use crate::console::person::Person;
use crate::model::ServerId;

/// Who is signed in, and what they have open.
#[derive(Clone, Debug)]
pub struct SessionsPage {
    /// Who looks.
    pub person: Person,
    /// The words that were looked for, if any.
    pub find: String,
    /// The people who fit, in the order of their names.
    pub people: Vec<SignedInPerson>,
    /// How many people are signed in, whether or not they fit or are shown.
    pub people_count: usize,
    /// How many sessions they have.
    pub session_count: usize,
    /// People who fit and are not shown, because there are too many.
    pub further: usize,
    /// The servers that are open, and to how many sessions.
    pub servers: Vec<(ServerId, usize)>,
    /// What has just been done.
    pub done: Option<Ended>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SignedInPerson {
    /// Their name and address.
    pub person: Person,
    /// The provider and its name for them.
    pub target: EndTarget,
    /// The provider's name for them.
    pub sub: String,
    /// The provider, where people may come from several.
    pub provider: Option<String>,
    /// Their sessions, the oldest first.
    pub sessions: Vec<SessionLine>,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionLine {
    /// What stands for it.
    pub tag: String,
    /// Since when, for reading.
    pub since: String,
    /// Since when, for programs.
    pub since_exactly: String,
    /// From which address they signed in.
    pub client: String,
    /// What is open: server, service, account.
    pub open: Vec<String>,
    /// Whether it is that of whoever looks.
    pub is_own: bool,
}

/// What is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndTarget {
    /// One session, by what stands for it.
    Session(String),
    /// All sessions of one person: the provider and its name for them.
    Person {
        /// The provider.
        iss: String,
        /// Its name for them.
        sub: String,
    },
    /// What is open on a server.
    Server(ServerId),
    /// Every session.
    Everything,
}

/// What was ended, as the page says it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How many.
    pub count: u64,
    /// Whether these were openings of a server, and not sessions.
    pub is_server: bool,
}

/// Asks whether this is to end, and shows what it is.
#[derive(Clone, Debug)]
pub struct EndPage {
    /// Who looks.
    pub person: Person,
    /// What is to end.
    pub target: EndTarget,
    /// The name of what it is about: a person or a server.
    pub name: String,
    /// The sessions that it is about, each in a line.
    pub affected: Vec<String>,
    /// How many more there are than are shown.
    pub further: usize,
    /// Whether the session of whoever looks is among them.
    pub is_own: bool,
}

impl EndTarget {
    /// The names and values that say it, in an address and in a form.
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Session(tag) => vec![("session", tag)],
            Self::Person { iss, sub } => vec![("person", sub), ("issuer", iss)],
            Self::Server(server) => vec![("server", server.as_str())],
            Self::Everything => vec![("everything", "yes")],
        }
    }

    /// The page that asks about it.
    pub(in crate::console) fn address(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish();
        format!("{}?{query}", paths::END)
    }
}

impl SessionLine {
    /// The page that asks about ending it.
    fn address(&self) -> String {
        EndTarget::Session(self.tag.clone()).address()
    }
}

impl SessionsPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = SessionsTemplate { shell: Shell::console("Sessions"), page: self };
        Rendered::new(&template, &Needs { form_targets: &site.provider_origins, ..Needs::NOTHING })
    }
}

impl EndPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = EndTemplate { shell: Shell::console(self.question()), page: self };
        Rendered::new(&template, &Needs { form_targets: &site.provider_origins, ..Needs::NOTHING })
    }

    fn question(&self) -> String {
        match self.target {
            EndTarget::Session(_) => format!("End a session of {}?", self.name),
            EndTarget::Person { .. } => format!("End all access of {}?", self.name),
            EndTarget::Server(_) => format!("Close {} for everybody?", self.name),
            EndTarget::Everything => "End every session?".to_owned(),
        }
    }

    fn consequence(&self) -> &'static str {
        match self.target {
            EndTarget::Server(_) => {
                "Pages, downloads and terminals on this server are cut. People stay signed in, and can open it again \
                 if they still may."
            }
            EndTarget::Session(_) | EndTarget::Person { .. } | EndTarget::Everything => {
                "Pages, downloads and terminals under it are cut, on every server. Whoever may still sign in at the \
                 provider can come back: to keep somebody out, take their account or their groups away there."
            }
        }
    }

    fn button(&self) -> &'static str {
        match self.target {
            EndTarget::Session(_) => "End the session",
            EndTarget::Person { .. } => "End all of it",
            EndTarget::Server(_) => "Close the server",
            EndTarget::Everything => "End every session",
        }
    }
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsTemplate<'p> {
    shell: Shell,
    page: &'p SessionsPage,
}

impl SessionsTemplate<'_> {
    /// For the menu of the person.
    fn person(&self) -> &Person {
        &self.page.person
    }
}

#[derive(Template)]
#[template(path = "end.html")]
struct EndTemplate<'p> {
    shell: Shell,
    page: &'p EndPage,
}

impl EndTemplate<'_> {
    /// For the menu of the person.
    fn person(&self) -> &Person {
        &self.page.person
    }
}
