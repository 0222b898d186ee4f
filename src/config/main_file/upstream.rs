//! `[upstream]`: from which address servers are reached, and whether gateways share that.

use std::net::IpAddr;

use crate::config::section::Section;
use crate::config::settings::Egress;
use crate::config::settings::Leaving;

pub(super) fn read(top: &Section<'_>) -> Option<Leaving> {
    let Some(section) = top.optional("upstream") else { return Some(Leaving::default()) };
    let section = section.section()?;
    let egress = match section.optional("egress") {
        Some(field) => field.choice(&[("own", Egress::Own), ("shared", Egress::Shared)]),
        None => Some(Egress::Own),
    };
    let source = match section.optional("source") {
        Some(field) => {
            let source: Option<IpAddr> = field.parse("write an address of this machine, such as \"192.0.2.10\"");
            if source.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast()) {
                field.problem("nothing can leave from this address", "write an address of this machine, or remove it");
                None
            } else {
                source.map(Some)
            }
        }
        None => Some(None),
    };
    section.finish();
    Some(Leaving { egress: egress?, source: source? })
}
