//! Any failure as a page of its own, or in the place of a panel.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::problem::Problem;

/// Something to do about a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What the button says.
    pub label: String,
    /// What it does.
    pub step: Step,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Goes to an address of ours.
    Link(String),
    /// Asks the console around the frame; only in a frame.
    Ask(Ask),
}

/// What a page in a frame may ask of the console around it. Each is harmless whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To show the server list.
    Choose,
    /// To open the same panel again.
    Reopen,
    /// To say that the session has ended, and offer to sign in.
    SignIn,
    /// To let go of the panel and show the server list.
    Left,
}

impl Ask {
    /// The word that the scripts use.
    pub(in crate::console) const fn word(self) -> &'static str {
        match self {
            Self::Choose => "choose",
            Self::Reopen => "reopen",
            Self::SignIn => "sign-in",
            Self::Left => "left",
        }
    }
}

/// A failure, what it means, and what to do.
#[derive(Clone, Debug)]
pub struct ProblemPage {
    /// What went wrong.
    pub problem: Problem,
    /// What can be done, the likeliest first.
    pub actions: Vec<Action>,
    /// Whether the page takes the place of a panel: then it is made for a panel origin, where only the
    /// reserved prefix is ours, and may be framed by the console.
    pub in_frame: bool,
    /// What the page asks of the console as soon as it is there; only in a frame.
    pub announce: Option<Ask>,
}

impl ProblemPage {
    /// A whole page with the actions given.
    pub fn whole(problem: Problem, actions: Vec<Action>) -> Self {
        Self { problem, actions, in_frame: false, announce: None }
    }

    /// A page in the place of a panel that offers to open it again and to choose another.
    pub fn framed(problem: Problem) -> Self {
        Self::in_place(problem, vec![ask("Try again", Ask::Reopen), ask(CHOOSE, Ask::Choose)])
    }

    /// A page in the place of a panel that somebody has left, with the same offers in other words.
    pub fn left(problem: Problem) -> Self {
        Self::in_place(problem, vec![ask("Open it again", Ask::Reopen), ask(CHOOSE, Ask::Choose)])
    }

    /// A page in the place of a panel that somebody may not open: another one is likelier to help.
    pub fn denied(problem: Problem) -> Self {
        Self::in_place(problem, vec![ask(CHOOSE, Ask::Choose), ask("Try again", Ask::Reopen)])
    }

    /// A page in the place of a panel that a stronger sign-in opens; the console asks for it.
    pub fn stronger(problem: Problem) -> Self {
        Self::in_place(problem, vec![ask("Sign in again", Ask::Reopen), ask(CHOOSE, Ask::Choose)])
    }

    /// The same, where another try asks for this address once more, in the very frame that the page is in, and
    /// does not begin anew with the panel's first page.
    #[must_use]
    pub fn again_at(mut self, address: &str) -> Self {
        for action in &mut self.actions {
            if action.step == Step::Ask(Ask::Reopen) {
                action.step = Step::Link(address.to_owned());
            }
        }
        self
    }

    fn in_place(problem: Problem, actions: Vec<Action>) -> Self {
        Self { problem, actions, in_frame: true, announce: None }
    }

    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let title = &self.problem.title;
        let template = ProblemTemplate {
            shell: if self.in_frame { Shell::framed(title) } else { Shell::console(title) },
            problem: &self.problem,
            actions: &self.actions,
            in_frame: self.in_frame,
            announce: self.announce.map_or("", Ask::word),
            console: site.console.to_string(),
        };
        let framed_by = self.in_frame.then_some(&site.console);
        Rendered::new(&template, &Needs { scripts: self.in_frame, framed_by, ..Needs::NOTHING })
    }
}

const CHOOSE: &str = "Choose another server";

fn ask(label: &str, ask: Ask) -> Action {
    Action { label: label.into(), step: Step::Ask(ask) }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemTemplate<'a> {
    shell: Shell,
    problem: &'a Problem,
    actions: &'a [Action],
    in_frame: bool,
    announce: &'static str,
    console: String,
}
