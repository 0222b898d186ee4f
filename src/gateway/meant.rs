//! What a panel's path is for: whom it is for, and who answers it.

use crate::model::Account;
use crate::model::Service;
use crate::model::Target;
use crate::rewrite::HOP;

/// Whom a server's path is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// People at a panel.
    Panel,
    /// Somebody who signs out of the panel: ours to answer, because the server might end a colleague's
    /// session with it (cPanel docs: one session per user with two-factor authentication).
    Leaving,
    /// Somebody who goes on to a service of another account: ours to judge, to record and to open. Where the
    /// path does not name the account, the query or the form does.
    Hop(Service, Option<Account>),
    /// Password sign-ins, server-to-server transfers, callbacks: not people at a panel.
    NobodyHere,
}

/// Reads a path of a panel origin. How it is written makes no difference: with the security token or without,
/// in capitals or not.
pub(super) fn meant_for(target: &Target) -> Meant {
    if let Some(service) = target.path().strip_prefix(HOP) {
        return service.parse().map_or(Meant::NobodyHere, |service| Meant::Hop(service, None));
    }
    let mut segments = target.segments().peekable();
    segments.next_if(|first| starts(first, "cpsess"));
    let word = segments.next().unwrap_or_default();
    let is = |known: &&str| word.eq_ignore_ascii_case(known);
    if is(&"logout") {
        Meant::Leaving
    } else if is(&"xfercpanel") {
        customer(segments)
    } else if NOT_FOR_PEOPLE.iter().any(is) || starts(word, "___proxy_subdomain") {
        Meant::NobodyHere
    } else {
        Meant::Panel
    }
}

/// Words that paths begin with that are not for people.
const NOT_FOR_PEOPLE: [&str; 9] = [
    "login",
    "openid_connect",
    "resetpass",
    "invitation",
    "acctxferrsync",
    "xfercpsess",
    "session",
    "cpanelwebcall",
    ".__cpanel__service__check__.",
];

fn starts(word: &str, start: &str) -> bool {
    word.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// `/xfercpanel`, `/xfercpanel/USER`.
fn customer<'t>(mut rest: impl Iterator<Item = &'t str>) -> Meant {
    let account = match (rest.next().unwrap_or_default(), rest.next().unwrap_or_default(), rest.next()) {
        ("", "", None) => Some(None),
        // The only two characters of a name that a browser may have escaped.
        (name, "", None) => name.replace("%40", "@").replace("%2B", "+").replace("%2b", "+").parse().ok().map(Some),
        _ => None,
    };
    account.map_or(Meant::NobodyHere, |account| Meant::Hop(Service::Cpaneld, account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(path: &str) -> Meant {
        meant_for(&Target::parse(path).unwrap())
    }

    #[test]
    fn paths_that_are_not_for_people_stay_here_however_they_are_written() {
        for path in [
            "/login/",
            "/login",
            "/login/?session=x",
            "/openid_connect/cpanelid",
            "/resetpass",
            "/invitation/x",
            "/acctxferrsync/x",
            "/xfercpsess/x",
            "/session/x",
            "/cpanelwebcall/x",
            "/.__cpanel__service__check__./serviceauth",
            "/___proxy_subdomain_whm/x",
            "/xfercpanel/a%20b",
            "/xfercpanel/bob/x",
        ] {
            for written in [path.to_owned(), format!("/cpsess1234567890{path}"), format!("/CPSESS1{path}")] {
                assert_eq!(meant(&written), Meant::NobodyHere, "{written}");
                let (before, query) = written.split_once('?').unwrap_or((&written, ""));
                let shouted = format!("{}?{query}", before.to_ascii_uppercase());
                assert_eq!(meant(&shouted), Meant::NobodyHere, "{shouted}");
            }
        }
    }

    #[test]
    fn the_ways_out_of_a_panel_are_known() {
        let to = |service, account: &str| Meant::Hop(service, account.parse().ok());
        for (path, expected) in [
            ("/cpsess1/scripts/command?PFILE=main", Meant::Panel),
            ("/cPanel_magic_revision_1/x.css", Meant::Panel),
            ("/cpsess1/frontend/jupiter/login/", Meant::Panel),
            ("/", Meant::Panel),
            ("/cpsess1/logout/", Meant::Leaving),
            ("/cpsess1/logout/?locale=en", Meant::Leaving),
            ("/Logout", Meant::Leaving),
            ("/cpsess1/xfercpanel/bob", to(Service::Cpaneld, "bob")),
            ("/cpsess1/xfercpanel/a%2Bb%40c.d/", to(Service::Cpaneld, "a+b@c.d")),
            ("/xfercpanel/bob?x=1", to(Service::Cpaneld, "bob")),
            ("/cpsess1/xfercpanel", to(Service::Cpaneld, "")),
            ("/cpsess1/xfercpanel/", to(Service::Cpaneld, "")),
            ("/.panelgate/hop/webmaild?account=x", to(Service::Webmaild, "")),
            ("/.panelgate/hop/ssh", Meant::NobodyHere),
        ] {
            assert_eq!(meant(path), expected, "{path}");
        }
    }
}
