//! The two documents: the directory that is proposed, and what WHMCS gave, in the same words.

use std::collections::BTreeMap;

use crate::model::Account;
use crate::whmcs::carry::Carried;
use crate::whmcs::carry::CarriedRole;
use crate::whmcs::carry::CarriedServer;

const DIRECTORY: &str = "\
# Panelgate: a directory, made from WHMCS's servers and roles. Read it as you would read somebody else's proposal.
#
# Each role opens what WHMCS Connect opened to it, as the same account. A role without a group of the provider may not
# connect. The API tokens are to be made anew, one for each server: `panelgate vault set ID`.
";

const REACH: &str = "\
# What WHMCS Connect gave, role by role, in the words of a directory: the old side of `panelgate access diff`.
# No gateway is to use this file.
";

/// The directory that is proposed.
pub fn directory(carried: &Carried) -> String {
    document(DIRECTORY, carried, |role| !role.groups.is_empty())
}

/// What WHMCS gave: roles without a group of the provider stand there under a name that no provider sends.
pub fn reach(carried: &Carried) -> String {
    document(REACH, carried, |_| true)
}

fn document(head: &str, carried: &Carried, connects: impl Fn(&CarriedRole) -> bool) -> String {
    let mut text = head.to_owned();
    for server in &carried.servers {
        text.push_str(&of_server(server));
    }
    for role in &carried.roles {
        text.push_str(&of_role(role, connects(role)));
    }
    for role in carried.roles.iter().filter(|role| connects(role)) {
        text.push_str(&rules(role, &carried.servers));
    }
    text
}

fn of_server(server: &CarriedServer) -> String {
    let CarriedServer { id, number, name, tags, host, address, account } = server;
    let address = address.map(|ip| format!("address = \"{ip}\"\n")).unwrap_or_default();
    let tags = if tags.is_empty() { String::new() } else { format!("tags = {}\n", list(tags)) };
    // An address stands there without the brackets of a URL.
    let host = host.to_string();
    let host = host.trim_matches(['[', ']']);
    format!(
        "\n# Server {number} in WHMCS.\n[[servers]]\nid = \"{id}\"\nname = {name}\n{tags}host = \"{host}\"\n{address}\
         trust = \"public\"\napi_account = \"{account}\"\napi_token = \"vault:{id}\"\naccess = \"restricted\"\n",
        name = quoted(name),
    )
}

fn of_role(role: &CarriedRole, connects: bool) -> String {
    let CarriedRole { number, name, groups, .. } = role;
    let groups = if groups.is_empty() {
        list(&[format!("(no group is named yet for role {number} of WHMCS)")])
    } else {
        list(groups)
    };
    format!(
        "\n# Role {number} in WHMCS.\n[[role_groups]]\nname = {}\nidp_groups = {groups}\nconnect = {connects}\n",
        quoted(name)
    )
}

/// A rule for each account, since WHMCS signed everybody in as the server's own user.
fn rules(role: &CarriedRole, servers: &[CarriedServer]) -> String {
    let mut by_account: BTreeMap<&Account, Vec<&str>> = BTreeMap::new();
    for server in servers.iter().filter(|server| role.servers.contains(&server.id)) {
        by_account.entry(&server.account).or_default().push(server.id.as_str());
    }
    let of_account = |(account, ids): (&Account, Vec<&str>)| {
        format!(
            "\n[[rules]]\nrole_group = {}\nservers = {}\nservices = [\"whostmgrd\"]\naccount = \"{account}\"\n\
             customers = [\"cpaneld\", \"webmaild\"]\n",
            quoted(&role.name),
            list(&ids),
        )
    };
    by_account.into_iter().map(of_account).collect()
}

fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A basic string of TOML (toml.io, v1.0.0): quotes, backslashes and control characters escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            letter if letter.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(letter)).chars()),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_quotes() {
        let hostile = "\"]\nconnect = true # \\\u{7f}\u{85}\u{0}é";
        let quoted = quoted(hostile);
        assert_eq!(quoted, r#""\"]\u000Aconnect = true # \\\u007F\u0085\u0000é""#);
        let table: toml::Table = toml::from_str(&format!("name = {quoted}")).unwrap();
        assert_eq!(table.get("name").unwrap().as_str(), Some(hostile));
    }
}
