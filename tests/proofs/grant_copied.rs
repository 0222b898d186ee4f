// must fail: E0308
use panelgate::policy::Grant;

pub fn copied(grant: &Grant) -> Grant {
    grant.clone()
}
