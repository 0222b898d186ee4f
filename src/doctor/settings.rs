//! The settings of cpsrvd that matter to a gateway in front of it (docs/cpsrvd.md).

use crate::config::Config;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::model::Server;
use crate::panel::ApiError;
use crate::panel::WhmApi;
use crate::panel::setting;
use crate::telemetry::Chain;

/// Connections of a server that are left to others: its own services, and visitors who are let in beside us.
const OTHERS: u64 = 20;

/// Reads the settings, with a token that may, and tells of those that are in the way.
pub(super) async fn look(config: &Config, server: &Server, api: &WhmApi<'_>) -> Vec<Finding> {
    let (login, handlers, tls, address) = tokio::join!(
        setting(api, "account_login_access"),
        setting(api, "maxcpsrvdconnections"),
        setting(api, "requiressl"),
        setting(api, "cookieipvalidation"),
    );
    let said = [
        judged(server, login, |value| login_access(server, value)),
        judged(server, handlers, |value| connections(config, server, value)),
        judged(server, tls, |value| plain_text(server, value)),
        judged(server, address, |value| addresses(server, value)),
    ];
    said.into_iter().flatten().collect()
}

fn judged(
    server: &Server,
    value: Result<String, ApiError>,
    judge: impl FnOnce(&str) -> Option<Finding>,
) -> Option<Finding> {
    match value {
        Ok(value) => judge(&value),
        // Not every version has every setting.
        Err(ApiError::Refused(_)) => None,
        Err(error) => {
            let says = format!("its settings cannot be read: {}", Chain(&error));
            let advice = "run the command again; if it stays so, see the server's load";
            Some(Finding::remark(Part::Server, &server.id, says, advice))
        }
    }
}

fn login_access(server: &Server, value: &str) -> Option<Finding> {
    let is_root = server.api_account.as_str() == "root";
    let keeps_out = value == "user" || (value == "owner" && is_root);
    keeps_out.then(|| {
        let says = format!(
            "its setting account_login_access is \"{value}\": {} may not open the cPanel of customers",
            server.api_account
        );
        let advice =
            "in WHM, Tweak Settings, \"Accounts that can access a cPanel user account\": let owner and root in";
        Finding::remark(Part::Server, &server.id, says, advice)
    })
}

fn connections(config: &Config, server: &Server, value: &str) -> Option<Finding> {
    let most: u64 = value.parse().ok()?;
    let ours = config.limits.requests_per_server;
    (ours.saturating_add(OTHERS) > most).then(|| {
        let says = format!("cpsrvd takes {most} connections (maxcpsrvdconnections), and a gateway may use {ours}");
        let advice = "raise it in WHM, Tweak Settings, or lower limits.requests_per_server";
        Finding::remark(Part::Server, &server.id, says, advice)
    })
}

fn plain_text(server: &Server, value: &str) -> Option<Finding> {
    (value == "0").then(|| {
        let says = "it takes passwords without TLS on 2082, 2086 and 2095 (requiressl is off)";
        let advice = "in WHM, Tweak Settings, switch \"Always redirect to SSL/TLS\" on, and close those ports";
        Finding::remark(Part::Server, &server.id, says, advice)
    })
}

fn addresses(server: &Server, value: &str) -> Option<Finding> {
    (value == "disabled").then(|| {
        let says = "its sessions are not tied to an address (cookieipvalidation is disabled)";
        let advice = "in WHM, Tweak Settings, set \"Cookie IP validation\" to strict: Panelgate works with it";
        Finding::remark(Part::Server, &server.id, says, advice)
    })
}
