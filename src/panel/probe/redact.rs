//! Taking out of a report what must not be in it.

/// Shortest text that is taken out wherever it stands.
const SHORTEST: usize = 6;

/// What is taken out, with what stands there instead.
#[derive(Default)]
pub(super) struct Redactor {
    words: Vec<(String, &'static str)>,
}

impl Redactor {
    /// Takes a secret out of everything from now on.
    pub(super) fn hide(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.words.push((secret.to_owned(), "[redacted]"));
        }
    }

    /// Takes a name out, where reports are to name nobody.
    pub(super) fn rename(&mut self, name: &str, to: &'static str) {
        if !name.is_empty() {
            self.words.push((name.to_owned(), to));
        }
    }

    /// The text without any of it; and without what looks like a security token, a login or an XID.
    pub(super) fn redacted(&self, text: &str) -> String {
        let text = self.words.iter().fold(text.to_owned(), |text, (word, instead)| text.replace(word, instead));
        let text = masked(&text, "cpsess", |c| c.is_ascii_digit(), "##########");
        let text = masked(&text, "session=", |c| !c.is_whitespace() && !"&\"'<;".contains(c), "…");
        masked(&text, "XID ", |c| c.is_ascii_alphanumeric(), "…")
    }
}

/// The text with what follows a mark, as far as it belongs to it, replaced.
fn masked(text: &str, mark: &str, belongs: impl Fn(char) -> bool, instead: &str) -> String {
    let mut parts = text.split(mark);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&belongs);
        masked.push_str(mark);
        masked.push_str(if rest.len() == part.len() { "" } else { instead });
        masked.push_str(rest);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_told_is_taken_out_wherever_it_stands() {
        let mut redactor = Redactor::default();
        redactor.hide("SECRETSECRET");
        redactor.rename("web1.hosting.example", "HOST");
        let text = "https://web1.hosting.example:2087/cpsess1234567890/login/?session=root%3aX&a=SECRETSECRET (XID 3y67mz) cpsess";
        let told = redactor.redacted(text);
        assert_eq!(told, "https://HOST:2087/cpsess##########/login/?session=…&a=[redacted] (XID …) cpsess");
    }
}
