// must fail: E0423
use panelgate::identity::Principal;
use panelgate::identity::PrincipalRecord;
use panelgate::store::Unsealed;

pub fn forged(record: PrincipalRecord) -> Principal {
    Principal::restore(Unsealed(record))
}
