//! What a token can do, in plain words: what is missing, and what is too much.

use std::collections::BTreeSet;

use crate::panel;
use crate::panel::ApiError;
use crate::panel::WhmApi;

/// The privilege without which no panel opens.
pub const OPEN: &str = "create-user-session";

/// The privilege that lets a token be rotated. It is as strong as its account.
pub const MANAGE: &str = "manage-api-tokens";

/// What a token of ours needs: the ACL's name, and what it is for.
pub(super) const WANTED: [(&str, &str); 4] = [
    (OPEN, "open panels: without it nobody gets in"),
    ("list-accts", "tell whose customer an account is: without it nobody goes on from a reseller's WHM to a customer"),
    ("basic-system-info", "read load and services for the watch over the fleet"),
    (MANAGE, "rotate the token: without it a person does that by hand"),
];

/// What a token turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The version of cPanel & WHM.
    pub version: String,
    /// The privileges.
    pub privileges: BTreeSet<String>,
    /// How many functions it may call.
    pub functions: usize,
}

/// Asks the server with the token (`version`, `myprivs`, `applist`).
pub async fn assess(api: &WhmApi<'_>) -> Result<Assessment, ApiError> {
    let version = panel::version(api).await?;
    let privileges = panel::privileges(api).await?;
    let functions = panel::functions(api).await?.len();
    Ok(Assessment { version, privileges, functions })
}

/// The privileges that a token of ours is minted with; the last one only if it is to be rotated.
pub fn proper_privileges(rotated: bool) -> Vec<String> {
    let wanted = WANTED.iter().filter(|(acl, _)| rotated || *acl != MANAGE);
    wanted.map(|(acl, _)| (*acl).to_owned()).collect()
}

impl Assessment {
    /// Whether it has a privilege.
    pub fn may(&self, acl: &str) -> bool {
        self.privileges.contains(acl) || self.privileges.contains("all")
    }

    /// What it cannot do that a token of ours is for: the ACL's name, and the purpose.
    pub fn lacks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        WANTED.into_iter().filter(|(acl, _)| !self.may(acl))
    }

    /// What there is to say, a sentence a line.
    pub fn words(&self, account: &str) -> Vec<String> {
        let mut words = vec![format!("cPanel & WHM {}; the token may call {} functions", self.version, self.functions)];
        for (acl, purpose) in WANTED {
            let has = if self.may(acl) { "can" } else { "CANNOT" };
            words.push(format!("{has} {purpose} ({acl})"));
        }
        let wanted = |acl: &&String| WANTED.iter().any(|(wanted, _)| acl == wanted) || *acl == "all";
        let more = self.privileges.iter().filter(|acl| !wanted(acl)).count();
        if self.privileges.contains("all") {
            words.push(format!("TOO MUCH: it may everything that {account} may (all): --mint makes one that may less"));
        } else if more > 0 {
            words.push(format!(
                "TOO MUCH: it has {more} privileges that Panelgate does not use: --mint makes one without"
            ));
        }
        if account != "root" {
            words.push(format!(
                "{account} is no root: it opens its own WHM and its customers' accounts, and rules that open root fail"
            ));
        }
        if self.may(OPEN) {
            words.push(format!(
                "whoever holds this token can become {account} on the server: with {OPEN} its other limits do not bind"
            ));
        }
        words
    }
}
