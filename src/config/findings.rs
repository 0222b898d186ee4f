//! Where problems and warnings are gathered while the files are read.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;

use crate::config::problem::Problem;
use crate::config::problem::Problems;
use crate::config::problem::Warnings;
use crate::config::source::SourceFile;

/// More than anybody reads; a wrong file does not fill the memory with messages.
const MAX_KEPT: usize = 1000;

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Pile,
    warnings: Pile,
    sources: RefCell<BTreeSet<PathBuf>>,
}

#[derive(Debug, Default)]
struct Pile {
    found: RefCell<Vec<Finding>>,
    further: Cell<usize>,
}

/// A place in a file, or the whole file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: Rc<SourceFile>,
    pub(super) span: Option<Range<usize>>,
    pub(super) key: String,
}

#[derive(Debug)]
struct Finding {
    place: Place,
    message: String,
    help: String,
}

impl Findings {
    /// Notes what has to be changed before anything starts.
    pub(super) fn problem(&self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(Finding { place, message: message.into(), help: help.into() });
    }

    /// Notes what is worth a look.
    pub(super) fn warning(&self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.add(Finding { place, message: message.into(), help: help.into() });
    }

    /// Notes a file or folder that what was read depends on, whether it could be read or not.
    pub(super) fn source(&self, path: &Path) {
        self.sources.borrow_mut().insert(path.to_owned());
    }

    /// The files and folders that were noted so far.
    pub(super) fn sources(&self) -> BTreeSet<PathBuf> {
        self.sources.borrow().clone()
    }

    /// What was read with the warnings, or all problems if there is one.
    pub(super) fn conclude<T>(self, read: Option<T>, path: &Path) -> Result<(T, Warnings), Problems> {
        let sources = self.sources();
        let (list, further) = self.problems.sorted();
        let (Some(read), true) = (read, list.is_empty()) else {
            let list = if list.is_empty() { vec![unexplained(path)] } else { list };
            return Err(Problems { list, further, sources });
        };
        let (list, further) = self.warnings.sorted();
        Ok((read, Warnings { list, further }))
    }
}

/// Refuses what could not be read though nothing was said against it: better to stop than to guess.
fn unexplained(path: &Path) -> Problem {
    Problem {
        file: path.display().to_string().into(),
        line: None,
        key: String::new(),
        message: "the configuration was refused without a reason".to_owned(),
        help: "this is a defect of panelgate; please report it".to_owned(),
        excerpt: None,
    }
}

impl Pile {
    fn add(&self, finding: Finding) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_KEPT {
            found.push(finding);
        } else {
            self.further.set(self.further.get().saturating_add(1));
        }
    }

    /// In the order of the places, and of the files as they first came up.
    fn sorted(self) -> (Vec<Problem>, usize) {
        let mut found = self.found.into_inner();
        let mut files: Vec<*const SourceFile> = Vec::new();
        for finding in &found {
            let file = Rc::as_ptr(&finding.place.file);
            if !files.contains(&file) {
                files.push(file);
            }
        }
        found.sort_by_key(|finding| {
            let file = Rc::as_ptr(&finding.place.file);
            (files.iter().position(|f| *f == file), finding.place.span.as_ref().map(|span| span.start))
        });
        (found.into_iter().map(Finding::finish).collect(), self.further.get())
    }
}

impl Finding {
    fn finish(self) -> Problem {
        let Place { file, span, key } = self.place;
        Problem {
            file: file.name.clone(),
            line: span.as_ref().map(|span| file.line(span.start)),
            key,
            message: self.message,
            help: self.help,
            excerpt: span.map(|span| file.excerpt(&span)),
        }
    }
}
