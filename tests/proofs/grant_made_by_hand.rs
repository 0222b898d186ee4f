// must fail: E0451
use panelgate::model::Subject;
use panelgate::policy::Grant;

pub fn forged(subject: Subject, like: Grant) -> Grant {
    Grant { subject, ..like }
}
