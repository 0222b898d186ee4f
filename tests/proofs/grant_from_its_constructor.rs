// must fail: E0624
use std::sync::Arc;

use panelgate::identity::Principal;
use panelgate::model::DirectoryVersion;
use panelgate::model::Source;
use panelgate::policy::AccessRequest;
use panelgate::policy::Grant;

pub fn forged(
    principal: Arc<Principal>,
    request: AccessRequest,
    version: DirectoryVersion,
    source: Source,
) -> Grant {
    Grant::new(principal, request, version, source, Vec::new(), None)
}
