//! Rows under a header, in columns.

use std::fmt;

/// A table for people. Its cells have been escaped.
#[derive(Debug)]
pub(in crate::cli) struct Table<const COLUMNS: usize> {
    header: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(in crate::cli) fn new(header: [&'static str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> Self {
        Self { header, rows }
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = self.header.map(|cell| cell.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        line(f, &widths, self.header.iter().copied())?;
        self.rows.iter().try_for_each(|row| line(f, &widths, row.iter().map(String::as_str)))
    }
}

/// The cells of a row two blanks apart, without blanks at the end.
fn line<'c>(f: &mut fmt::Formatter<'_>, widths: &[usize], cells: impl Iterator<Item = &'c str>) -> fmt::Result {
    let padded: Vec<String> = widths.iter().zip(cells).map(|(width, cell)| format!("{cell:width$}")).collect();
    writeln!(f, "{}", padded.join("  ").trim_end())
}
