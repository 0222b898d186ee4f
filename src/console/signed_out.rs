//! The two pages for somebody who is not signed in.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;

/// Shown to somebody who arrives signed out by choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPage {
    /// Where signing in begins, a path on the console origin.
    pub sign_in: String,
}

impl SignInPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let template = SignInTemplate {
            shell: Shell::console("Sign in"),
            provider_name: &site.provider_name,
            sign_in: &self.sign_in,
        };
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
            provider_name: &site.provider_name,
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
    provider_name: &'a str,
    sign_in: &'a str,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate<'a> {
    shell: Shell,
    provider_name: &'a str,
    sign_in: &'a str,
    provider_session_ended: bool,
}
