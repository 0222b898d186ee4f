//! Comma-separated values (RFC 4180), with line feeds as other tools of a pipeline write them.

use crate::config::Escaped;

/// One line: a field that holds more than plain text stands in quotes.
pub(in crate::cli) fn line<const COLUMNS: usize>(fields: [&str; COLUMNS]) -> String {
    let mut line = fields.map(field).join(",");
    line.push('\n');
    line
}

fn field(text: &str) -> String {
    // Whoever looks at the lines in a terminal is as safe as with a table.
    let text = Escaped(text).to_string();
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_quoted() {
        assert_eq!(line(["a b", "", "c,d", "e\"f", "g\nh"]), "a b,,\"c,d\",\"e\"\"f\",g\\u{a}h\n");
    }
}
