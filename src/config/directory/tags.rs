//! Tags: names that servers share, so that a rule need not list the servers one by one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::config::field::Field;
use crate::config::nearest::nearest;
use crate::config::section::Section;
use crate::config::words::listed;
use crate::config::words::quoted;

/// As long as a server's id can be.
const MAX_TAG_BYTES: usize = 63;

/// Which servers bear which tag, by names as they were written.
#[derive(Debug, Default)]
pub(super) struct Tags {
    bearers: BTreeMap<String, BTreeSet<String>>,
    /// Whether some server's tags or id could not be read. That has been reported, and a tag that nobody
    /// bears may be one of those.
    is_incomplete: bool,
}

impl Tags {
    /// Reads the tags of a server, which has a name unless that could not be read.
    pub(super) fn read(&mut self, server: &Section<'_>, name: Option<&str>) -> Option<()> {
        let Some(field) = server.optional("tags") else { return Some(()) };
        let tags = field.list_of(tag);
        self.is_incomplete |= tags.is_none() || name.is_none();
        for tag in tags? {
            self.bearers.entry(tag).or_default().extend(name.map(str::to_owned));
        }
        Some(())
    }

    /// The servers that bear all tags of a rule's list, at least one, in the order of their names.
    pub(super) fn servers(&self, field: &Field<'_>) -> Option<BTreeSet<String>> {
        let tags = field.list_of(|item| {
            let tag = tag(item)?;
            if self.bearers.contains_key(&tag) {
                return Some(tag);
            }
            if !self.is_incomplete {
                let help = match nearest(&tag, self.bearers.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean {}?", quoted(meant)),
                    None => format!("add tags = [\"{tag}\"] to the servers that are meant"),
                };
                item.problem(format!("no server bears the tag {}", quoted(&tag)), help);
            }
            None
        })?;
        let mut each = tags.iter().filter_map(|tag| self.bearers.get(tag));
        let mut servers = each.next()?.clone();
        for bearers in each {
            servers.retain(|server| bearers.contains(server));
        }
        if servers.is_empty() {
            if !self.is_incomplete {
                field.problem(
                    format!("no server bears {} together", listed(&tags)),
                    "a rule is for the servers that bear all of its tags: write a rule for each tag, or fewer tags",
                );
            }
            return None;
        }
        Some(servers)
    }
}

fn tag(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let fits = (1..=MAX_TAG_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        field.problem(
            format!("{} is no tag", quoted(text)),
            "write 1 to 63 lower-case letters, digits and hyphens, such as \"prod\"",
        );
        return None;
    }
    Some(text.to_owned())
}
