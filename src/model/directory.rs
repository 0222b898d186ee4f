//! The directory: servers, role groups and access rules, checked, immutable, with a version.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::account::Account;
use crate::model::conditions::Conditions;
use crate::model::host::Host;
use crate::model::ids::ProviderId;
use crate::model::ids::RoleGroupName;
use crate::model::ids::ServerId;
use crate::model::right::Right;
use crate::model::secret::TokenRef;
use crate::model::service::Service;
use crate::model::subject::IdpGroup;

/// Everything that says which server is reached how, and by whom.
///
/// Checked when it was read: every name that is used is defined, no name is defined twice.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The version that goes into every decision and audit event.
    pub version: DirectoryVersion,
    /// The ids of the providers that are known, by their issuer identifiers.
    pub providers: BTreeMap<String, ProviderId>,
    /// The servers by id.
    pub servers: BTreeMap<ServerId, Server>,
    /// The role groups by name.
    pub role_groups: BTreeMap<RoleGroupName, RoleGroup>,
    /// The access rules in the order of the document (the order decides nothing).
    pub rules: Vec<Rule>,
}

/// The first 16 hexadecimal digits of the SHA-256 of the document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DirectoryVersion(pub Arc<str>);

impl AsRef<str> for DirectoryVersion {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DirectoryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A line of the document, for messages: "directory.toml:12".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The file as it was named.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A cPanel & WHM machine.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its short name.
    pub id: ServerId,
    /// The name that people see.
    pub name: String,
    /// Its own host name: what its certificate says, and what we send as `Host`.
    pub host: Host,
    /// The address to connect to, where it is not what `host` resolves to.
    pub address: Option<IpAddr>,
    /// How its certificate is verified.
    pub trust: Trust,
    /// The account that owns the API token.
    pub api_account: Account,
    /// The API token.
    pub api_token: TokenRef,
    /// Who may open it.
    pub access: Access,
    /// Where it stands in the document.
    pub source: Source,
}

/// How a server's certificate is verified. There is no way to accept any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A chain to the system's roots, and the host name.
    PublicRoots,
    /// A chain to a certificate in this PEM file, and the host name.
    CaFile(PathBuf),
    /// One of these keys, whatever the certificate says (at least one; two while a key is changed).
    Pins(Vec<SpkiPin>),
}

/// SHA-256 of a certificate's `SubjectPublicKeyInfo` (as in RFC 7469).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin(pub [u8; 32]);

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use base64::Engine as _;
        f.write_str(&base64::engine::general_purpose::STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

/// Who may open a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every role group with the connect permission, with these services, as this account.
    Unrestricted {
        /// The services, at least one.
        services: Vec<Service>,
        /// The account to become.
        account: Account,
        /// Into which services of customers one may go on from WHM.
        customers: Vec<Service>,
    },
    /// Only what rules say.
    Restricted,
}

/// A set of `IdP` groups, and what they may.
#[derive(Clone, Debug)]
pub struct RoleGroup {
    /// Its name.
    pub name: RoleGroupName,
    /// The groups whose members belong to it, at least one.
    pub idp_groups: Vec<IdpGroup>,
    /// The provider that must have sent the groups; any, if there is none.
    pub provider: Option<ProviderId>,
    /// The right to use Panelgate at all.
    pub connect: bool,
    /// What else the role group may do with Panelgate, if it may connect.
    pub rights: Vec<Right>,
    /// Where it stands in the document.
    pub source: Source,
}

/// One permission: this role group may open these services of these servers as this account, under these
/// conditions.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Whom it is for.
    pub role_group: RoleGroupName,
    /// The servers, at least one.
    pub servers: Vec<ServerId>,
    /// The services, at least one.
    pub services: Vec<Service>,
    /// The account to become.
    pub account: Account,
    /// Into which services of the account's customers one may go on from WHM: `cpaneld`, `webmaild`, or none.
    pub customers: Vec<Service>,
    /// When it holds.
    pub conditions: Conditions,
    /// Where it stands in the document.
    pub source: Source,
}
