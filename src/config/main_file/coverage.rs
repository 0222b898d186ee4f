//! Whether the certificates fit the names that browsers will ask for.

use crate::config::main_file::network::Network;
use crate::config::outside::not_covered;
use crate::config::section::Section;
use crate::config::settings::PanelStyle;
use crate::config::words::quoted;
use crate::model::Directory;
use crate::model::Scheme;
use crate::model::Service;

/// Warns about the names for which there is no certificate.
pub(super) fn warn(top: &Section<'_>, network: &Network, directory: &Directory) {
    if network.console.scheme != Scheme::Https {
        return;
    }
    let names = names(network, directory);
    let bare = network.certificates.iter().fold(names, |names, files| not_covered(files, names));
    let Some((first, others)) = bare.split_first() else { return };
    let others = match others.len() {
        0 => String::new(),
        1 => " and one other name".to_owned(),
        many => format!(" and {many} other names"),
    };
    let message = format!("no certificate is valid for {}{others}: browsers will refuse to connect", quoted(first));
    if let Some(field) = top.section("tls").and_then(|tls| tls.optional("certificates")) {
        field.warning(message, format!("add a certificate for {}", wanted(network)));
    }
}

/// The console's name, and those of the panels.
fn names(network: &Network, directory: &Directory) -> Vec<String> {
    let console = &network.console.host;
    let mut names = vec![console.to_string()];
    for server in directory.servers.keys().filter_map(|id| console.with_label(id.as_str())) {
        match network.panels {
            PanelStyle::Ports => names.push(server.to_string()),
            PanelStyle::Hosts => {
                let panels = Service::ALL.into_iter().filter_map(|service| server.with_label(service.host_label()));
                names.extend(panels.map(|panel| panel.to_string()));
            }
        }
    }
    names
}

/// What certificates should be for.
fn wanted(network: &Network) -> String {
    let console = &network.console.host;
    match network.panels {
        PanelStyle::Ports => format!("`{console}` and `*.{console}`"),
        PanelStyle::Hosts => format!("`{console}`, and for each server one for `*.<server>.{console}`"),
    }
}
