//! What the operating system gives a gateway: its addresses and enough open files.

use std::io::ErrorKind;
use std::net::SocketAddr;

use rustix::process::Resource;
use rustix::process::getrlimit;

use crate::compose;
use crate::config::Config;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::doctor::holder::Holder;
use crate::listener;

/// Files that a gateway has open besides connections: the store, the log, sockets that listen.
const BESIDES: u64 = 256;

/// Looks at the ports and the limits.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut gateway = None;
    let mut findings: Vec<Finding> =
        compose::addresses(config).into_iter().map(|address| port(address, &mut gateway)).collect();
    findings.push(open_files(config, gateway.as_ref()));
    findings
}

/// Whether an address is free, or ours. Remembers the gateway that holds one.
fn port(address: SocketAddr, gateway: &mut Option<Holder>) -> Finding {
    let Err(error) = listener::try_bind(address) else {
        return Finding::well(Part::Port, address, "free");
    };
    let kind = error.kind();
    if kind == ErrorKind::AddrInUse {
        return taken(address, gateway);
    }
    if kind == ErrorKind::PermissionDenied {
        let says = "this user may not listen below port 1024";
        let advice = "nothing, if the gateway runs as deploy/systemd has it: it gets that one power from systemd";
        return Finding::remark(Part::Port, address, says, advice);
    }
    let advice = "write an address of this machine, or 0.0.0.0 or :: for all, in [listen] addresses";
    Finding::wrong(Part::Port, address, format!("it cannot be listened on: {error}"), advice)
}

fn taken(address: SocketAddr, gateway: &mut Option<Holder>) -> Finding {
    match Holder::of(address) {
        Some(holder) if holder.is_ours() => {
            let finding = Finding::well(Part::Port, address, format!("held by {} ({})", holder.name, holder.pid));
            if holder.is_gateway() {
                *gateway = Some(holder);
            }
            finding
        }
        Some(Holder { pid, name }) => {
            let says = format!("taken by another program: {name} (process {pid})");
            let advice = "stop that program, or give one of the two another address ([listen], [operations])";
            Finding::wrong(Part::Port, address, says, advice)
        }
        None => {
            let says = "taken, and this user may not see by whom";
            let advice = "if no gateway runs, find out as root: ss -ltnp";
            Finding::remark(Part::Port, address, says, advice)
        }
    }
}

/// Whether as many connections as the limits allow find open files: one to the browser, one to a server.
fn open_files(config: &Config, gateway: Option<&Holder>) -> Finding {
    let wanted = config.limits.connections.saturating_mul(2).saturating_add(BESIDES);
    let running = gateway.and_then(Holder::open_files);
    // No limit counts as the largest one.
    let found = running.or(getrlimit(Resource::Nofile).current).unwrap_or(u64::MAX);
    let whose = if running.is_some() { "the running gateway" } else { "a program started from here" };
    let says = format!("{whose} may have {found} files open, and limits.connections asks for {wanted}");
    let advice = "raise LimitNOFILE in the unit (deploy/systemd has 65536), or lower limits.connections";
    match (found >= wanted, running) {
        (true, _) => Finding::well(Part::Machine, "open files", says),
        (false, Some(_)) => Finding::wrong(Part::Machine, "open files", says, advice),
        (false, None) => Finding::remark(Part::Machine, "open files", says, advice),
    }
}
