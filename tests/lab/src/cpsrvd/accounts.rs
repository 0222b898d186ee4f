//! Who exists on the server: root, resellers, cPanel users and mailboxes.

/// The privileges that a reseller of the double has unless told otherwise.
const RESELLER_ACLS: &[&str] = &["basic-system-info", "create-user-session", "list-accts", "manage-api-tokens"];

/// All accounts of a server.
#[derive(Clone, Debug)]
pub struct Accounts(Vec<Account>);

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// `root`, a system user name, or for a mailbox its address.
    pub user: String,
    /// The password. Throw-away: the double keeps it in clear.
    pub password: String,
    /// The main domain.
    pub domain: String,
    /// Who owns it: `root`, a reseller, or for a mailbox the cPanel user.
    pub owner: String,
    /// What it may do.
    pub kind: Kind,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// What an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system's superuser. Has no cPanel account.
    Root,
    /// A cPanel user who may use WHM with these ACLs.
    Reseller(Vec<String>),
    /// A cPanel user.
    Cpanel,
    /// A mailbox.
    Mailbox,
}

impl Default for Accounts {
    /// root; resellers `support` (owns bob) and `resell1` (owns alice and the suspended dave); carol,
    /// owned by root; one mailbox each for alice and bob.
    fn default() -> Self {
        Self(vec![
            Account::new("root", "root", Kind::Root),
            Account::reseller("support", RESELLER_ACLS),
            Account::reseller("resell1", RESELLER_ACLS),
            Account::new("alice", "resell1", Kind::Cpanel),
            Account::new("bob", "support", Kind::Cpanel),
            Account::new("carol", "root", Kind::Cpanel),
            Account { suspended: true, ..Account::new("dave", "resell1", Kind::Cpanel) },
            Account::mailbox("info", "alice"),
            Account::mailbox("sales", "bob"),
        ])
    }
}

impl Accounts {
    /// No account but root.
    pub fn only_root() -> Self {
        Self(vec![Account::new("root", "root", Kind::Root)])
    }

    /// The same with one more account; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, account: Account) -> Self {
        self.0.retain(|existing| existing.user != account.user);
        self.0.push(account);
        self
    }

    /// The account of this name.
    pub fn find(&self, user: &str) -> Option<&Account> {
        self.0.iter().find(|account| account.user == user)
    }

    /// All accounts, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }

    /// The cPanel accounts that this WHM user may see.
    pub fn visible_to<'a>(&'a self, caller: &'a str) -> impl Iterator<Item = &'a Account> {
        self.iter().filter(move |account| account.has_cpanel() && (caller == "root" || account.owned_by(caller)))
    }
}

impl Account {
    /// An account whose password is `USER-password` and whose domain is `USER.example`.
    pub fn new(user: &str, owner: &str, kind: Kind) -> Self {
        Self {
            user: user.to_owned(),
            password: format!("{user}-password"),
            domain: format!("{user}.example"),
            owner: owner.to_owned(),
            kind,
            suspended: false,
        }
    }

    /// A reseller with these ACLs who owns their own account.
    pub fn reseller(user: &str, acls: &[&str]) -> Self {
        Self::new(user, user, Kind::Reseller(acls.iter().map(ToString::to_string).collect()))
    }

    /// A mailbox of a cPanel user of [`Account::new`].
    pub fn mailbox(name: &str, owner: &str) -> Self {
        let domain = format!("{owner}.example");
        Self { domain: domain.clone(), ..Self::new(&format!("{name}@{domain}"), owner, Kind::Mailbox) }
    }

    /// Whether this account may use WHM.
    pub fn has_whm(&self) -> bool {
        matches!(self.kind, Kind::Root | Kind::Reseller(_))
    }

    /// Whether this account has a cPanel.
    pub fn has_cpanel(&self) -> bool {
        matches!(self.kind, Kind::Reseller(_) | Kind::Cpanel)
    }

    /// Whether `caller` owns this account or is it.
    pub fn owned_by(&self, caller: &str) -> bool {
        self.user == caller || self.owner == caller
    }

    /// Whether the account itself has a privilege, before any limit of a token.
    pub(crate) fn may(&self, acl: &str) -> bool {
        match &self.kind {
            Kind::Root => true,
            Kind::Reseller(acls) => acls.iter().any(|granted| granted == acl || granted == "all"),
            Kind::Cpanel | Kind::Mailbox => false,
        }
    }
}
