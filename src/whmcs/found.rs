//! What WHMCS says, as it says it. Nothing here has been judged.

/// All that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The servers, by their ids in WHMCS.
    pub servers: Vec<FoundServer>,
    /// The administrator roles; nothing, where the source does not tell.
    pub roles: Option<Vec<Role>>,
}

/// A row of `tblservers`, or a server of `GetServers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundServer {
    /// Its id in WHMCS.
    pub id: u64,
    /// The name that people see.
    pub name: String,
    /// Its host name, as somebody typed it.
    pub hostname: String,
    /// Its address, as somebody typed it.
    pub address: String,
    /// The provisioning module: `cpanel`, `plesk`, …
    pub module: String,
    /// The user that WHMCS signs in as; nothing, where the source does not tell.
    pub username: Option<String>,
    /// Whether WHMCS connects with TLS, where that is told.
    pub is_secure: Option<bool>,
    /// A port other than the module's own.
    pub port: Option<u64>,
    /// Whether it is switched off in WHMCS.
    pub is_disabled: bool,
    /// What the API calls `active`, where it says it.
    pub active: Option<bool>,
    /// The roles that alone may sign in to it. If there are none, every role may.
    pub only_roles: Vec<u64>,
    /// The names of the server groups that it is in.
    pub groups: Vec<String>,
}

/// A row of `tbladminroles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id in WHMCS.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether it has the permission "WHMCS Connect".
    pub connects: bool,
    /// How many enabled administrators have it.
    pub people: u64,
}
