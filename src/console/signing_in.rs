//! The pages around a sign-in: the one in front of it, and the one at its end in a window of its own.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::paths;

/// In front of a sign-in. Of all tabs of a browser that are here at once, one goes on to sign in; the others
/// wait for it, and then load again what they were to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatePage {
    /// Where signing in begins, a path on the console origin.
    pub sign_in: String,
}

impl GatePage {
    /// The page and its policy.
    pub fn render(&self) -> Rendered {
        let template = GateTemplate { shell: Shell::console("Sign in"), sign_in: &self.sign_in };
        Rendered::new(&template, &Needs { scripts: true, fetches: true, ..Needs::NOTHING })
    }
}

/// The end of a sign-in in a window of its own: tells the other tabs, and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedInPage;

impl SignedInPage {
    /// The page and its policy.
    pub fn render(&self) -> Rendered {
        let template = SignedInTemplate { shell: Shell::console("Signed in") };
        Rendered::new(&template, &Needs { scripts: true, ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "gate.html")]
struct GateTemplate<'a> {
    shell: Shell,
    sign_in: &'a str,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInTemplate {
    shell: Shell,
}
