//! A file as a TOML document, or all the reasons why it is none.

use std::path::Path;
use std::rc::Rc;

use toml::Spanned;
use toml::de::DeTable;

use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::source::SourceFile;
use crate::config::words::quoted;

/// Reads a file that `named_at` refers to, or reports why it cannot be.
pub(super) fn read(path: &Path, named_at: Option<Place>, findings: &Findings) -> Option<Rc<SourceFile>> {
    findings.source(path);
    match SourceFile::read(path) {
        Ok(file) => Some(Rc::new(file)),
        Err(error) => {
            let unread = || Place { file: Rc::new(SourceFile::unread(path)), span: None, key: String::new() };
            let message = match named_at {
                Some(_) => format!("{}: {error}", quoted(&path.display().to_string())),
                None => error.to_string(),
            };
            findings.problem(named_at.unwrap_or_else(unread), message, error.help());
            None
        }
    }
}

/// Parses a file, or reports everything that is no TOML.
pub(super) fn parse<'t>(file: &'t Rc<SourceFile>, findings: &Findings) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(file.text());
    for error in &errors {
        let span = error.span().unwrap_or_default();
        file.mask_likely_secrets(span.start);
        let (message, help) = match error.message() {
            "duplicate key" => ("this key or section is defined twice".to_owned(), "keep one of the two"),
            other => (other.to_owned(), "see https://toml.io for how TOML is written"),
        };
        findings.problem(Place { file: Rc::clone(file), span: Some(span), key: String::new() }, message, help);
    }
    errors.is_empty().then_some(table)
}
