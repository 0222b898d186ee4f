//! What is wrong with the files, all of it, as the operator reads it.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Origin;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

use crate::config::words::Escaped;
use crate::config::words::counted;
use crate::model::Source;

/// Something in a file that has to be changed, or in a warning: looked at.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file's path.
    pub file: Arc<str>,
    /// The line, from 1; none when it is about the whole file.
    pub line: Option<usize>,
    /// The key with its sections, `provider.issuer`; empty when it is about the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    pub(super) excerpt: Option<Excerpt>,
}

/// A line of a file, fit to be shown, and the place in it that is meant.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) place: Range<usize>,
}

/// Everything that is wrong with the configuration, in the order of the files: at least one problem.
#[derive(Clone, Debug)]
pub struct Problems {
    pub(super) list: Vec<Problem>,
    /// How many more there were than are kept.
    pub(super) further: usize,
    pub(super) sources: BTreeSet<PathBuf>,
}

/// What is allowed and yet worth a look, in the order of the files. May be empty.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    pub(super) list: Vec<Problem>,
    /// How many more there were than are kept.
    pub(super) further: usize,
}

/// How messages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Text alone, for files and pipes.
    Plain,
    /// With the colours of a terminal.
    Coloured,
}

impl Problem {
    /// A problem that was not found in the text of a file but in what it means.
    pub fn of_meaning(source: &Source, message: String, help: &str) -> Self {
        Self {
            file: Arc::clone(&source.file),
            line: usize::try_from(source.line).ok(),
            key: String::new(),
            message,
            help: help.to_owned(),
            excerpt: None,
        }
    }
}

impl fmt::Display for Problem {
    /// On one line: file, line and what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", Escaped(&self.file), Escaped(&self.message)),
            None => write!(f, "{}: {}", Escaped(&self.file), Escaped(&self.message)),
        }
    }
}

impl Problems {
    /// Problems of a configuration that could be read, at least one.
    pub fn of_meaning(list: Vec<Problem>, sources: BTreeSet<PathBuf>) -> Self {
        Self { list, further: 0, sources }
    }

    /// The problems.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The files and folders that were read, or could not be.
    pub fn sources(&self) -> &BTreeSet<PathBuf> {
        &self.sources
    }

    /// The first of them on one line, and how many more there are.
    pub fn brief(&self) -> String {
        let others = self.list.len().saturating_add(self.further).saturating_sub(1);
        let first = self.list.first().map(ToString::to_string).unwrap_or_default();
        if others == 0 { first } else { format!("{first} (and {})", counted(others, "other problem")) }
    }

    /// All of them as text, and a last line with their number.
    pub fn render(&self, look: Look) -> String {
        let mut text = render(&self.list, &Level::ERROR, look);
        let number = self.list.len().saturating_add(self.further);
        text.push_str(&further(self.further));
        text.push_str("error: the configuration has ");
        text.push_str(&counted(number, "problem"));
        text.push('\n');
        text
    }
}

impl Warnings {
    /// The warnings.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// All of them as text; nothing if there are none.
    pub fn render(&self, look: Look) -> String {
        let mut text = render(&self.list, &Level::WARNING, look);
        text.push_str(&further(self.further));
        text
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::Plain))
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::Plain))
    }
}

fn further(number: usize) -> String {
    if number == 0 { String::new() } else { format!("and {number} more\n\n") }
}

fn render(problems: &[Problem], level: &Level<'static>, look: Look) -> String {
    let renderer = match look {
        Look::Plain => Renderer::plain(),
        Look::Coloured => Renderer::styled(),
    };
    let mut text = String::new();
    for problem in problems {
        let title = level.clone().primary_title(&problem.message);
        let group = match &problem.excerpt {
            Some(excerpt) => title.element(
                Snippet::source(&excerpt.text)
                    .line_start(excerpt.line)
                    .path(&*problem.file)
                    .annotation(AnnotationKind::Primary.span(excerpt.place.clone())),
            ),
            None => title.element(Origin::path(&*problem.file)),
        };
        text.push_str(&renderer.render(&[group.element(Level::HELP.message(&problem.help))]));
        text.push_str("\n\n");
    }
    text
}
