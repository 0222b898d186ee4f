//! Reading a section key by key: what is asked for is known, and what is left over is a problem.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::field::Field;
use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::nearest::nearest;
use crate::config::source::SourceFile;
use crate::config::words::listed;
use crate::config::words::quoted;

/// A table of a file, in whichever way it was written.
///
/// Every key is asked for by its name, whatever the others say, so that [`finish`](Self::finish) knows the
/// keys that there are.
#[derive(Debug)]
pub(super) struct Section<'d> {
    pub(super) file: Rc<SourceFile>,
    pub(super) found: &'d Findings,
    /// As messages name it: `[provider]`; the top level of the file is empty.
    title: String,
    /// What precedes a key of it: `provider.`.
    prefix: String,
    table: &'d DeTable<'d>,
    span: Option<Range<usize>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// The top level of a file.
    pub(super) fn top(file: Rc<SourceFile>, found: &'d Findings, table: &'d DeTable<'d>) -> Self {
        let (title, prefix) = (String::new(), String::new());
        Self { file, found, title, prefix, table, span: None, asked: RefCell::default() }
    }

    /// The table that a field holds; `title` says how messages name it.
    pub(super) fn within(field: &Field<'d>, table: &'d DeTable<'d>, title: String) -> Self {
        let Place { file, span, key } = field.place();
        let prefix = format!("{key}.");
        Self { file, found: field.found(), title, prefix, table, span, asked: RefCell::default() }
    }

    /// A key that may be absent.
    pub(super) fn optional(&self, key: &'static str) -> Option<Field<'d>> {
        self.asked.borrow_mut().push(key);
        let (name, value) = self.table.get_key_value(key)?;
        let full = format!("{}{key}", self.prefix);
        Some(Field::new(Rc::clone(&self.file), self.found, full, name.span(), value))
    }

    /// A key that must be there; `example` is a value that it could have.
    pub(super) fn required(&self, key: &'static str, example: &str) -> Option<Field<'d>> {
        let field = self.optional(key);
        if field.is_none() {
            let place = Place { key: format!("{}{key}", self.prefix), ..self.place() };
            let to = if self.title.is_empty() { "the top of the file".to_owned() } else { format!("`{}`", self.title) };
            self.found.problem(
                place,
                format!("`{}{key}` is missing", self.prefix),
                format!("add `{key} = {example}` to {to}"),
            );
        }
        field
    }

    /// A section that may be absent.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'d>> {
        self.optional(key)?.section()
    }

    /// A section that must be there; `keys` are those that it must have.
    pub(super) fn required_section(&self, key: &'static str, keys: &[&str]) -> Option<Section<'d>> {
        if let Some(field) = self.optional(key) {
            return field.section();
        }
        let place = Place { key: key.to_owned(), ..self.place() };
        let help = format!("add `[{key}]` with {}", listed(keys));
        self.found.problem(place, format!("the section `[{key}]` is missing"), help);
        None
    }

    /// The sections of a list that may be absent: `[[servers]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'d>> {
        self.optional(key).map(|field| field.sections()).unwrap_or_default()
    }

    /// The sections of a list that must have at least one; `keys` are those that each must have.
    pub(super) fn required_sections(&self, key: &'static str, keys: &[&str]) -> Vec<Section<'d>> {
        let help = format!("add `[[{key}]]` with {}", listed(keys));
        match self.optional(key) {
            None => {
                let place = Place { key: key.to_owned(), ..self.place() };
                self.found.problem(place, format!("the section `[[{key}]]` is missing"), help);
                Vec::new()
            }
            Some(field) if field.is_empty_list() => {
                field.problem(format!("`{key}` is empty"), help);
                Vec::new()
            }
            Some(field) => field.sections(),
        }
    }

    /// The sections of a list without asking for them: somebody else reads them.
    pub(super) fn peek(&self, key: &str) -> Vec<Section<'d>> {
        let list = self.table.get(key).and_then(|value| value.get_ref().as_array());
        let tables = list.into_iter().flatten().filter_map(|value| value.get_ref().as_table());
        tables.map(|table| Section::top(Rc::clone(&self.file), self.found, table)).collect()
    }

    /// Whether a key is there, without asking for it: somebody else reads it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The text of a key without asking for it: somebody else reads it.
    pub(super) fn peek_text(&self, key: &str) -> Option<&'d str> {
        self.table.get(key)?.get_ref().as_str()
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for (name, value) in self.table {
            let key: &str = name.get_ref();
            if asked.contains(&key) {
                continue;
            }
            // A misspelt `client_secret` is still a secret.
            mask_below(&self.file, value);
            let shown = quoted(key);
            let what = match (&*self.title, holds_sections(value)) {
                ("", true) => format!("there is no section {shown}"),
                ("", false) => format!("there is no key {shown} at the top of the file"),
                (title, _) => format!("there is no key {shown} in `{title}`"),
            };
            let help = match nearest(key, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", listed(&asked)),
            };
            let place = Place { key: format!("{}{key}", self.prefix), span: Some(name.span()), ..self.place() };
            self.found.problem(place, what, help);
        }
    }

    /// The section's header.
    pub(super) fn place(&self) -> Place {
        let key = self.prefix.trim_end_matches('.').to_owned();
        Place { file: Rc::clone(&self.file), span: self.span.clone(), key }
    }

    /// The line of the section's header.
    pub(super) fn line(&self) -> u32 {
        let line = self.span.as_ref().map_or(1, |span| self.file.line(span.start));
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

/// Keeps everything that was written below a key out of every message.
fn mask_below(file: &SourceFile, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.values().for_each(|value| mask_below(file, value)),
        DeValue::Array(list) => list.iter().for_each(|value| mask_below(file, value)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            file.mask(value.span());
        }
    }
}

/// Whether a value was written as `[section]` or `[[section]]`, or could have been.
fn holds_sections(value: &Spanned<DeValue<'_>>) -> bool {
    let value = value.get_ref();
    value.is_table() || value.as_array().is_some_and(|list| list.iter().any(|one| one.get_ref().is_table()))
}
