//! The two pages for somebody who is not signed in.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;
use crate::model::Target;

/// Shown to somebody who is to sign in, where there is more than one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPage {
    /// The page of ours to which signing in is to lead.
    pub return_to: Target,
}

impl SignInPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let choices =
            site.providers.iter().map(|choice| (&*choice.name, paths::sign_in_with(&choice.id, &self.return_to)));
        let template = SignInTemplate { shell: Shell::console("Sign in"), choices: choices.collect() };
        Rendered::new(&template, &Needs::NOTHING)
    }
}

/// Shown after signing out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOutPage {
    /// Where signing in again begins, a path on the console origin.
    pub sign_in: String,
    /// Whether the provider's own session was ended too.
    pub provider_session_ended: bool,
}

impl SignedOutPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = SignedOutTemplate {
            shell: Shell::console("Signed out"),
            provider_name: site.sign_in_service(),
            sign_in: &self.sign_in,
            provider_session_ended: self.provider_session_ended,
        };
        Rendered::new(&template, &Needs::NOTHING)
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInTemplate<'a> {
    shell: Shell,
    /// Names, and where to sign in with each.
    choices: Vec<(&'a str, String)>,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate<'a> {
    shell: Shell,
    provider_name: &'a str,
    sign_in: &'a str,
    provider_session_ended: bool,
}
