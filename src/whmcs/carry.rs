//! What goes from WHMCS into a directory, and what cannot.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use crate::model::Account;
use crate::model::Host;
use crate::model::ServerId;
use crate::whmcs::found::Found;
use crate::whmcs::found::FoundServer;
use crate::whmcs::found::Role;
use crate::whmcs::naming::Ids;
use crate::whmcs::naming::label;
use crate::whmcs::naming::slug;
use crate::whmcs::note::Note;
use crate::whmcs::note::NoteKind;

/// The one module that Panelgate opens.
const CPANEL: &str = "cpanel";

/// Characters of a text that are shown at most.
const EXCERPT: usize = 60;

/// What the operator adds to what WHMCS knows.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The account for servers for which WHMCS names none.
    pub account: Option<Account>,
    /// The provider's groups of a role, by the role's id.
    pub groups: BTreeMap<u64, Vec<String>>,
}

/// What goes into a directory.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// The servers.
    pub servers: Vec<CarriedServer>,
    /// The roles with the permission "WHMCS Connect".
    pub roles: Vec<CarriedRole>,
    /// What there is to say.
    pub notes: Vec<Note>,
}

/// A server that goes into the directory.
#[derive(Clone, Debug)]
pub struct CarriedServer {
    /// Its id from now on.
    pub id: ServerId,
    /// Its id in WHMCS.
    pub number: u64,
    /// The name that people see.
    pub name: String,
    /// WHMCS's server groups, as tags.
    pub tags: Vec<String>,
    /// The host.
    pub host: Host,
    /// Where to connect, if WHMCS has an address beside the name.
    pub address: Option<IpAddr>,
    /// The account that WHMCS signed people in as.
    pub account: Account,
}

/// A role that goes into the directory.
#[derive(Clone, Debug)]
pub struct CarriedRole {
    /// Its id in WHMCS.
    pub number: u64,
    /// Its name from now on.
    pub name: String,
    /// The provider's groups; none, as long as nobody has named one.
    pub groups: Vec<String>,
    /// The servers that it could open with WHMCS Connect.
    pub servers: BTreeSet<ServerId>,
}

/// Decides what is carried.
pub fn carry(found: &Found, wish: &Wish) -> Carried {
    let mut carried = Carried::default();
    let reached: Vec<_> =
        found.servers.iter().filter_map(|server| Some((server, carried.reach(server, wish)?))).collect();
    let mut ids = Ids::new(reached.iter().map(|(_, reach)| &reach.host));
    let (mut only_roles, mut hosts) = (BTreeMap::new(), BTreeMap::<Host, ServerId>::new());
    for (server, reach) in reached {
        let name = label(&server.name, &format!("server {}", server.id));
        let Some(id) = ids.next(&reach.host, &name, server.id) else {
            carried.say_of(server, NoteKind::NoId);
            continue;
        };
        match hosts.entry(reach.host.clone()) {
            Entry::Occupied(same) => carried.say_of(server, NoteKind::SameHost(same.get().clone())),
            Entry::Vacant(place) => {
                place.insert(id.clone());
            }
        }
        only_roles.insert(id.clone(), server.only_roles.clone());
        let tags: BTreeSet<String> = server.groups.iter().filter_map(|group| slug(group)).collect();
        let Reach { host, address, account } = reach;
        let tags = tags.into_iter().collect();
        carried.servers.push(CarriedServer { id, number: server.id, name, tags, host, address, account });
    }
    match &found.roles {
        Some(roles) => {
            carried.take_roles(roles, &only_roles, wish);
            carried.miss_roles(found, roles);
        }
        None => carried.say("the roles".to_owned(), NoteKind::RolesUnknown),
    }
    carried
}

/// How a server is reached.
struct Reach {
    host: Host,
    address: Option<IpAddr>,
    account: Account,
}

impl Carried {
    fn say(&mut self, about: String, kind: NoteKind) {
        self.notes.push(Note { about, kind });
    }

    fn say_of(&mut self, server: &FoundServer, kind: NoteKind) {
        self.say(named("server", server.id, &server.name), kind);
    }

    /// How a server is reached, or nothing if it stays behind.
    fn reach(&mut self, server: &FoundServer, wish: &Wish) -> Option<Reach> {
        if server.is_disabled {
            self.say_of(server, NoteKind::Disabled);
            return None;
        }
        if server.module != CPANEL {
            self.say_of(server, NoteKind::OtherModule(excerpt(&server.module)));
            return None;
        }
        let address: Option<IpAddr> = server.address.trim().parse().ok();
        let named = match server.hostname.trim().parse() {
            Ok(Host::Name(name)) => Some(Host::Name(name)),
            Ok(Host::Ip(_)) | Err(_) => None,
        };
        let typed: Option<Host> = server.hostname.trim().parse().ok();
        let (host, address) = match (named, address, typed) {
            (Some(host), address, _) => (host, address),
            (None, Some(address), _) => (Host::Ip(address), None),
            (None, None, Some(host)) => (host, None),
            (None, None, None) => {
                self.say_of(server, NoteKind::NoAddress);
                return None;
            }
        };
        let user = server.username.as_deref().map(str::trim).unwrap_or_default();
        // What stands there and is none is somebody's to correct: another account could open more.
        let account: Option<Account> = if user.is_empty() { wish.account.clone() } else { user.parse().ok() };
        let Some(account) = account else {
            self.say_of(server, NoteKind::NoAccount(excerpt(user)));
            return None;
        };
        self.look_at(server, &host, address);
        Some(Reach { host, address, account })
    }

    /// What is worth a word about a server that is carried.
    fn look_at(&mut self, server: &FoundServer, host: &Host, address: Option<IpAddr>) {
        match host {
            Host::Ip(_) => self.say_of(server, NoteKind::NoHostName(excerpt(&server.hostname))),
            Host::Name(_) if address.is_none() && !server.address.trim().is_empty() => {
                self.say_of(server, NoteKind::BadAddress(excerpt(&server.address)));
            }
            Host::Name(_) => {}
        }
        if let Some(port) = server.port.filter(|port| *port != 2087) {
            self.say_of(server, NoteKind::OtherPort(port));
        }
        if server.is_secure == Some(false) {
            self.say_of(server, NoteKind::Plain);
        }
        if server.active == Some(false) {
            self.say_of(server, NoteKind::NotActive);
        }
    }

    /// The roles that could use WHMCS Connect, each with its servers: those that name it, and those that name none.
    fn take_roles(&mut self, roles: &[Role], only_roles: &BTreeMap<ServerId, Vec<u64>>, wish: &Wish) {
        let mut names = BTreeSet::new();
        for role in roles.iter().filter(|role| role.connects) {
            let about = || named("role", role.id, &role.name);
            let servers: BTreeSet<ServerId> = only_roles
                .iter()
                .filter(|(_, only)| only.is_empty() || only.contains(&role.id))
                .map(|(id, _)| id.clone())
                .collect();
            let groups = wish.groups.get(&role.id).cloned().unwrap_or_default();
            if groups.is_empty() {
                self.say(about(), NoteKind::Unmapped);
            }
            if role.people == 0 {
                self.say(about(), NoteKind::NoPeople);
            }
            let numbered = format!("WHMCS role {}", role.id);
            let mut name = label(&role.name, &numbered);
            if !names.insert(name.clone()) {
                name = numbered;
                names.insert(name.clone());
            }
            self.roles.push(CarriedRole { number: role.id, name, groups, servers });
        }
    }

    /// Roles that stand at a server and get nothing there.
    fn miss_roles(&mut self, found: &Found, roles: &[Role]) {
        let known: BTreeMap<u64, &Role> = roles.iter().map(|role| (role.id, role)).collect();
        let mut lacking = BTreeSet::new();
        for server in &found.servers {
            for number in &server.only_roles {
                match known.get(number) {
                    None => self.say_of(server, NoteKind::RoleGone(*number)),
                    Some(role) if !role.connects => {
                        lacking.insert(*number);
                    }
                    Some(_) => {}
                }
            }
        }
        for role in roles.iter().filter(|role| lacking.contains(&role.id)) {
            self.say(named("role", role.id, &role.name), NoteKind::LacksPermission);
        }
    }
}

/// Something of WHMCS, by its number and its name.
fn named(noun: &str, number: u64, name: &str) -> String {
    format!("{noun} {number} ({})", excerpt(name))
}

/// The beginning of a text that somebody typed.
fn excerpt(text: &str) -> String {
    let rest = if text.chars().nth(EXCERPT).is_some() { "…" } else { "" };
    text.chars().take(EXCERPT).chain(rest.chars()).collect()
}
