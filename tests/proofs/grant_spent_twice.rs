// must fail: E0382
use panelgate::policy::Grant;

pub fn spend(_: Grant) {}

pub fn twice(grant: Grant) {
    spend(grant);
    spend(grant);
}
