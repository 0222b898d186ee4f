//! One key and its value: the value as a checked type, or a problem that says which.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::ops::Range;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::str::FromStr;

use toml::Spanned;
use toml::de::DeValue;

use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::nearest::nearest;
use crate::config::section::Section;
use crate::config::source::SourceFile;
use crate::config::words::listed;
use crate::config::words::quoted;

/// A key that is there, or an item of its list.
#[derive(Debug)]
pub(super) struct Field<'d> {
    file: Rc<SourceFile>,
    found: &'d Findings,
    /// With its sections: `provider.issuer`.
    key: String,
    name: Range<usize>,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Field<'d> {
    pub(super) fn new(
        file: Rc<SourceFile>,
        found: &'d Findings,
        key: String,
        name: Range<usize>,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Self {
        Self { file, found, key, name, value }
    }

    /// The text; it may be empty.
    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type("a string", "write it in quotes");
        }
        text
    }

    /// A text that people read: with something in it, without control characters, at most 100 characters.
    pub(super) fn label(&self) -> Option<&'d str> {
        let text = self.text()?;
        let wrong = if text.trim().is_empty() {
            "is empty"
        } else if text.chars().count() > 100 {
            "is longer than 100 characters"
        } else if text.chars().any(char::is_control) {
            "holds a control character"
        } else {
            return Some(text);
        };
        self.problem(format!("`{}` {wrong}", self.key), "write a short text on one line");
        None
    }

    /// A text with a form of its own.
    pub(super) fn parse<T>(&self, help: &str) -> Option<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let text = self.text()?;
        text.parse()
            .map_err(|error| self.problem(format!("`{}` cannot be {}: {error}", self.key, quoted(text)), help))
            .ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let help = match nearest(text, words.iter().copied()) {
            Some(meant) => format!("did you mean `\"{meant}\"`?"),
            None => format!("write one of {}", listed(&words)),
        };
        self.problem(format!("`{}` cannot be {}", self.key, quoted(text)), help);
        None
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let Some(written) = self.value.get_ref().as_integer() else {
            self.wrong_type("a whole number", "write digits alone, without quotes");
            return None;
        };
        let number = u64::from_str_radix(written.as_str(), written.radix()).ok();
        let within = number.filter(|number| bounds.contains(number));
        if within.is_none() {
            self.problem(
                format!("`{}` is out of bounds", self.key),
                format!("write a number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        within
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.value.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type("true or false", "write true or false, without quotes");
        }
        value
    }

    /// A date with a time, as TOML writes it or in quotes. Whether it is one is for the reader to say.
    pub(super) fn moment(&self) -> Option<String> {
        match self.value.get_ref() {
            DeValue::Datetime(moment) => Some(moment.to_string()),
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
                self.wrong_type("a date with a time", "write 2026-12-31T18:00:00Z");
                None
            }
        }
    }

    /// The items of a list that has at least one.
    pub(super) fn items(&self) -> Option<Vec<Field<'d>>> {
        let Some(list) = self.value.get_ref().as_array() else {
            self.wrong_type("a list", "write it in brackets: [ … ]");
            return None;
        };
        if list.is_empty() {
            self.problem(format!("`{}` is empty", self.key), "write at least one item");
            return None;
        }
        let item = |value| Field::new(Rc::clone(&self.file), self.found, self.key.clone(), self.name.clone(), value);
        Some(list.iter().map(item).collect())
    }

    /// The items of a list, each read by `read`, none twice.
    ///
    /// Nothing, if an item is refused or stands twice: that has been reported.
    pub(super) fn list_of<T>(&self, read: impl Fn(&Field<'d>) -> Option<T>) -> Option<Vec<T>>
    where
        T: Clone + Eq + Hash + fmt::Display,
    {
        let mut seen = HashSet::new();
        let unique = |item: &Field<'d>| {
            let value = read(item)?;
            if seen.insert(value.clone()) {
                return Some(value);
            }
            let twice = format!("{} stands twice in `{}`", quoted(&value.to_string()), self.key);
            item.problem(twice, "remove one of the two");
            None
        };
        // All are read before one that is refused refuses the list.
        let read: Vec<Option<T>> = self.items()?.iter().map(unique).collect();
        read.into_iter().collect()
    }

    /// The section that this key begins.
    pub(super) fn section(&self) -> Option<Section<'d>> {
        let Some(table) = self.value.get_ref().as_table() else {
            self.wrong_type("a section", &format!("head it `[{}]`", self.key));
            return None;
        };
        Some(Section::within(self, table, format!("[{}]", self.key)))
    }

    /// The sections of a list: `[[servers]]`.
    pub(super) fn sections(&self) -> Vec<Section<'d>> {
        let Some(items) = self.value.get_ref().as_array() else {
            self.wrong_type("a list of sections", &format!("head each `[[{}]]`", self.key));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for value in items {
            let item = Field::new(Rc::clone(&self.file), self.found, self.key.clone(), value.span(), value);
            match value.get_ref().as_table() {
                Some(table) => sections.push(Section::within(&item, table, format!("[[{}]]", self.key))),
                None => item.wrong_type("a list of sections", &format!("head each `[[{}]]`", self.key)),
            }
        }
        sections
    }

    /// Whether the value is a list without items, where that means something.
    pub(super) fn is_empty_list(&self) -> bool {
        self.value.get_ref().as_array().is_some_and(|list| list.is_empty())
    }

    /// Whether the value is a table, for keys that take a word or a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(super) fn file(&self) -> &SourceFile {
        &self.file
    }

    pub(super) fn found(&self) -> &'d Findings {
        self.found
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    pub(super) fn place(&self) -> Place {
        Place { file: Rc::clone(&self.file), span: Some(self.value.span()), key: self.key.clone() }
    }

    /// The line of the value.
    pub(super) fn line(&self) -> usize {
        self.file.line(self.value.span().start)
    }

    /// Keeps the value out of every message.
    pub(super) fn mask(&self) {
        self.file.mask(self.value.span());
    }

    /// Reports a problem with the value.
    pub(super) fn problem(&self, message: impl Into<String>, help: impl Into<String>) {
        self.found.problem(self.place(), message, help);
    }

    /// Reports a problem with the key being there at all.
    pub(super) fn unwanted(&self, message: impl Into<String>, help: impl Into<String>) {
        self.found.problem(Place { span: Some(self.name.clone()), ..self.place() }, message, help);
    }

    /// Reports what is worth a look.
    pub(super) fn warning(&self, message: impl Into<String>, help: impl Into<String>) {
        self.found.warning(self.place(), message, help);
    }

    fn wrong_type(&self, expected: &str, help: &str) {
        let is = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a section",
        };
        self.problem(format!("`{}` must be {expected}, not {is}", self.key), help);
    }
}
