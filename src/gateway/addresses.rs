//! The addresses of each server, on its side and on ours: put together when they are first needed, once for each
//! version of the directory.

use std::sync::Arc;
use std::sync::OnceLock;

use foldhash::HashMap;

use crate::edge::PanelOrigin;
use crate::gateway::Gateway;
use crate::model::Directory;
use crate::model::ServerId;
use crate::model::Service;
use crate::rewrite::PanelAddresses;

type ByService = [OnceLock<Option<Arc<PanelAddresses>>>; Service::ALL.len()];

/// The addresses of the servers of one version of the directory.
#[derive(Debug)]
pub struct Addresses(HashMap<ServerId, ByService>);

impl Addresses {
    /// None put together yet.
    pub fn of(directory: &Directory) -> Self {
        Self(directory.servers.keys().map(|server| (server.clone(), ByService::default())).collect())
    }
}

impl Gateway {
    /// The addresses of the service of a server that is there for an origin of ours.
    pub(super) fn addresses_of(&self, origin: &PanelOrigin) -> Option<Arc<PanelAddresses>> {
        let place = Service::ALL.iter().position(|service| *service == origin.service)?;
        let known = self.addresses.0.get(&origin.server)?.get(place)?;
        known.get_or_init(|| self.put_together(origin).map(Arc::new)).clone()
    }

    fn put_together(&self, origin: &PanelOrigin) -> Option<PanelAddresses> {
        let upstream = self.panels.upstream(&origin.server)?;
        let (host, address) = (upstream.host().clone(), upstream.address());
        let origins = Service::ALL
            .into_iter()
            .filter_map(|service| Some((service, self.origins.panel(&origin.server, service)?)))
            .collect();
        PanelAddresses::new(host, address, origin.service, origins, self.origins.console().clone())
    }
}
