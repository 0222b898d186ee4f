//! Names that people typed, made into names that a directory takes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::Host;
use crate::model::ServerId;

/// Longest name that people see, in characters and, for role groups, in bytes.
const LONGEST: usize = 100;

/// A text for people: one line, nothing invisible, not empty, at most 100 bytes.
pub(super) fn label(text: &str, instead: &str) -> String {
    let visible: String = text.chars().map(|letter| if is_seen(letter) { letter } else { ' ' }).collect();
    let mut label = String::new();
    for word in visible.split_whitespace() {
        let blank = usize::from(!label.is_empty());
        let room = LONGEST.saturating_sub(label.len() + blank);
        let fitting: String = word
            .char_indices()
            .take_while(|(at, letter)| at + letter.len_utf8() <= room)
            .map(|(_, letter)| letter)
            .collect();
        if fitting.is_empty() {
            break;
        }
        if blank == 1 {
            label.push(' ');
        }
        label.push_str(&fitting);
        if fitting.len() < word.len() {
            break;
        }
    }
    if label.is_empty() { instead.to_owned() } else { label }
}

/// Control characters, letters without a width, and those that turn the direction of writing are not.
fn is_seen(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Lower-case letters, digits and single hyphens; nothing, if none is left.
pub(super) fn slug(text: &str) -> Option<String> {
    let mut slug = String::new();
    for letter in text.to_lowercase().chars() {
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == 63 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// The ids of servers: short, telling, each once.
#[derive(Debug)]
pub(super) struct Ids {
    /// How many host names begin with this label.
    first_labels: BTreeMap<String, usize>,
    taken: BTreeSet<ServerId>,
}

impl Ids {
    pub(super) fn new<'h>(hosts: impl Iterator<Item = &'h Host>) -> Self {
        let mut first_labels = BTreeMap::new();
        let hosts: BTreeSet<&Host> = hosts.collect();
        for label in hosts.into_iter().filter_map(first_label) {
            *first_labels.entry(label.to_owned()).or_default() += 1;
        }
        Self { first_labels, taken: BTreeSet::new() }
    }

    /// The first label of the host name if no other host has it, else the whole host name, else the name, else
    /// the number.
    pub(super) fn next(&mut self, host: &Host, name: &str, number: u64) -> Option<ServerId> {
        let alone = first_label(host).filter(|label| self.first_labels.get(*label) == Some(&1)).map(str::to_owned);
        let whole = match host {
            Host::Name(name) => slug(name),
            Host::Ip(_) => None,
        };
        let numbered = format!("server-{number}");
        let candidates = [alone, whole, slug(name), Some(numbered.clone()), Some(format!("{numbered}-whmcs"))];
        let id = candidates
            .into_iter()
            .flatten()
            .filter_map(|text| text.parse::<ServerId>().ok())
            .find(|id| !id.is_cpanels_own() && !self.taken.contains(id))?;
        self.taken.insert(id.clone());
        Some(id)
    }
}

fn first_label(host: &Host) -> Option<&str> {
    match host {
        Host::Name(name) => name.split('.').next(),
        Host::Ip(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_visible_line() {
        assert_eq!(label("  Web\u{202e} 1\n\t[prod]\u{0} ", "-"), "Web 1 [prod]");
        assert_eq!(label(" \n\u{200b}", "server 7"), "server 7");
        assert_eq!(label(&"é".repeat(80), "-").len(), 100);
        assert_eq!(label(&"word ".repeat(80), "-").len(), 99);
    }

    #[test]
    fn ids_are_short_telling_and_each_once() {
        let hosts: Vec<Host> = ["web1.a.example", "server.a.example", "server.b.example", "whm.a.example", "192.0.2.1"]
            .map(|host| host.parse().unwrap())
            .to_vec();
        let mut ids = Ids::new(hosts.iter());
        let given: Vec<String> =
            hosts.iter().zip(1..).map(|(host, number)| ids.next(host, "Büro 1", number).unwrap().to_string()).collect();
        assert_eq!(given, ["web1", "server-a-example", "server-b-example", "whm-a-example", "b-ro-1"]);
        let again = ids.next(hosts.last().unwrap(), "Büro 1", 9).unwrap();
        assert_eq!(again.as_str(), "server-9");
    }
}
