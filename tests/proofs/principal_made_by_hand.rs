// must fail: E0624
use panelgate::identity::Principal;

pub fn forged() {
    let _ = Principal::new;
}
