// must fail: E0451
use std::sync::Arc;

use panelgate::identity::Principal;
use panelgate::policy::Grant;

pub fn forged(principal: Arc<Principal>, like: Grant) -> Grant {
    Grant { principal, ..like }
}
