//! What there is to say about something that was carried, or could not be.

use std::fmt;

use crate::model::ServerId;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about: `server 3 (Web 3)`, `role 2 (Sales)`. As WHMCS has it, control characters included.
    pub about: String,
    /// What there is to say.
    pub kind: NoteKind,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A server is switched off in WHMCS.
    Disabled,
    /// A server is no cPanel & WHM.
    OtherModule(String),
    /// A server has neither a host name nor an address that can be used.
    NoAddress,
    /// A server's user is none that WHM can have.
    NoAccount(String),
    /// No id could be made for a server.
    NoId,
    /// A server has an address, and no host name that can be used.
    NoHostName(String),
    /// What stands for a server's address is none.
    BadAddress(String),
    /// WHMCS connected to another port.
    OtherPort(u64),
    /// WHMCS connected without TLS.
    Plain,
    /// Another server has the same host.
    SameHost(ServerId),
    /// The API says that it is not active.
    NotActive,
    /// A role that alone may open a server is gone.
    RoleGone(u64),
    /// A role has no group of the provider yet.
    Unmapped,
    /// A role was let to a server and lacks the permission to go there.
    LacksPermission,
    /// No enabled administrator has a role.
    NoPeople,
    /// The source does not tell who may open what.
    RolesUnknown,
}

impl NoteKind {
    /// Whether something stayed behind, that is, whether the directory says less than WHMCS did.
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Disabled
            | Self::OtherModule(_)
            | Self::NoAddress
            | Self::NoAccount(_)
            | Self::NoId
            | Self::Unmapped
            | Self::RolesUnknown => true,
            Self::NoHostName(_)
            | Self::BadAddress(_)
            | Self::OtherPort(_)
            | Self::Plain
            | Self::SameHost(_)
            | Self::NotActive
            | Self::RoleGone(_)
            | Self::LacksPermission
            | Self::NoPeople => false,
        }
    }

    /// The code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::OtherModule(_) => "other_module",
            Self::NoAddress => "no_address",
            Self::NoAccount(_) => "no_account",
            Self::NoId => "no_id",
            Self::NoHostName(_) => "no_host_name",
            Self::BadAddress(_) => "bad_address",
            Self::OtherPort(_) => "other_port",
            Self::Plain => "plain",
            Self::SameHost(_) => "same_host",
            Self::NotActive => "not_active",
            Self::RoleGone(_) => "role_gone",
            Self::Unmapped => "unmapped",
            Self::LacksPermission => "lacks_permission",
            Self::NoPeople => "no_people",
            Self::RolesUnknown => "roles_unknown",
        }
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("it is disabled in WHMCS"),
            Self::OtherModule(module) => write!(f, "its module is \"{module}\": Panelgate opens cPanel & WHM"),
            Self::NoAddress => f.write_str("neither its host name nor its address can be used"),
            Self::NoAccount(user) if user.is_empty() => f.write_str("WHMCS names no user of it: say --account"),
            Self::NoAccount(user) => write!(f, "\"{user}\" is no account of WHM: correct it in WHMCS"),
            Self::NoId => f.write_str("no name could be made for it: give it a host name of its own in WHMCS"),
            Self::NoHostName(typed) => write!(
                f,
                "\"{typed}\" is no host name, so its address stands there: authorities vouch for names, so write the \
                 name, or trust = {{ pins = […] }}"
            ),
            Self::BadAddress(typed) => write!(f, "\"{typed}\" is no address: the host name will be looked up"),
            Self::OtherPort(port) => {
                write!(f, "WHMCS used port {port}; Panelgate connects to 2087, 2083 and 2096")
            }
            Self::Plain => f.write_str("WHMCS connected without TLS; Panelgate wants a certificate, or a pin"),
            Self::SameHost(id) => {
                write!(f, "it has the host of {id}: one entry with a token of root can open both accounts")
            }
            Self::NotActive => f.write_str("WHMCS says that it is not active: see whether it still serves"),
            Self::RoleGone(id) => write!(f, "of those who alone may open it, role {id} is gone from WHMCS"),
            Self::Unmapped => {
                f.write_str("no group of the provider is named for it, so it may not connect: say --role ROLE=GROUP")
            }
            Self::LacksPermission => {
                f.write_str("servers were open to it, and it lacks the permission \"WHMCS Connect\": it gets nothing")
            }
            Self::NoPeople => f.write_str("no enabled administrator has it"),
            Self::RolesUnknown => f.write_str(
                "the API tells neither roles nor who may open what: the servers stand there, and nobody can open them",
            ),
        }
    }
}
