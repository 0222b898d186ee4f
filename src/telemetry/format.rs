//! How a line of the log looks, for a file or a collector: as text, or as JSON. Every request has one, and the
//! library's own ways of writing it cost more than the decision about the request.

use std::fmt;
use std::fmt::Debug;
use std::fmt::Write as _;

use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::registry::LookupSpan;

use crate::model::Clock as _;
use crate::model::SystemClock;

/// What lines are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Moment, level, target, message, `name=value`.
    Text,
    /// One object.
    Json,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        self.line(&mut out, level, target, |fields| {
            event.record(fields);
            fields.result
        })
    }
}

impl Format {
    /// Writes one line, of this moment.
    pub(super) fn line<W: fmt::Write>(
        self,
        out: &mut W,
        level: &str,
        target: &str,
        fields: impl FnOnce(&mut Fields<'_, W>) -> fmt::Result,
    ) -> fmt::Result {
        let now = SystemClock.now().text();
        let now = now.as_str();
        match self {
            Self::Text => {
                out.write_str(now)?;
                // As wide as the widest.
                out.write_str(if level.len() < 5 { "  " } else { " " })?;
                out.write_str(level)?;
                out.write_str(" ")?;
                out.write_str(target)?;
                out.write_str(":")?;
                fields(&mut Fields { out, format: self, result: Ok(()) })?;
            }
            Self::Json => {
                out.write_str("{\"timestamp\":\"")?;
                out.write_str(now)?;
                out.write_str("\",\"level\":\"")?;
                out.write_str(level)?;
                out.write_str("\"")?;
                fields(&mut Fields { out, format: self, result: Ok(()) })?;
                out.write_str(",\"target\":\"")?;
                out.write_str(target)?;
                out.write_str("\"}")?;
            }
        }
        out.write_str("\n")
    }
}

/// Writes the fields of a line.
pub(super) struct Fields<'o, W> {
    out: &'o mut W,
    format: Format,
    result: fmt::Result,
}

impl<W: fmt::Write> Fields<'_, W> {
    fn write(&mut self, field: &Field, write: impl FnOnce(&mut Self) -> fmt::Result) {
        // Where a line of a library stands in its source.
        let is_aside = matches!(field.name(), "log.module_path" | "log.file" | "log.line");
        if self.result.is_ok() && !is_aside {
            self.result = self.name(field.name()).and_then(|()| write(self));
        }
    }

    /// A field with a text that others have a say in.
    pub(super) fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        self.texts(name, [value])
    }

    /// The same with a text in pieces.
    pub(super) fn texts<'t>(&mut self, name: &str, pieces: impl IntoIterator<Item = &'t str>) -> fmt::Result {
        self.name(name)?;
        let quote = self.quote();
        self.out.write_str(quote)?;
        let mut harmless = Harmless { out: self.out, format: self.format };
        pieces.into_iter().try_for_each(|piece| harmless.write_str(piece))?;
        self.out.write_str(quote)
    }

    /// The same with a text that is known to hold nothing odd.
    pub(super) fn plain(&mut self, name: &str, value: &str) -> fmt::Result {
        self.name(name)?;
        let quote = self.quote();
        self.out.write_str(quote)?;
        self.out.write_str(value)?;
        self.out.write_str(quote)
    }

    /// A field with a number.
    pub(super) fn number(&mut self, name: &str, value: u64) -> fmt::Result {
        self.name(name)?;
        self.out.write_str(itoa::Buffer::new().format(value))
    }

    fn quote(&self) -> &'static str {
        if self.format == Format::Json { "\"" } else { "" }
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        match self.format {
            Format::Json => {
                self.out.write_str(",\"")?;
                self.out.write_str(name)?;
                self.out.write_str("\":")
            }
            Format::Text if name == "message" => self.out.write_str(" "),
            Format::Text => {
                self.out.write_str(" ")?;
                self.out.write_str(name)?;
                self.out.write_str("=")
            }
        }
    }

    /// A value that others have a say in: it stays on its line, and within its quotes.
    fn value(&mut self, value: fmt::Arguments<'_>) -> fmt::Result {
        let quote = self.quote();
        self.out.write_str(quote)?;
        Harmless { out: self.out, format: self.format }.write_fmt(value)?;
        self.out.write_str(quote)
    }
}

impl<W: fmt::Write> Visit for Fields<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |fields| fields.value(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |fields| match fields.format {
            Format::Text => fields.value(format_args!("{value:?}")),
            Format::Json => fields.value(format_args!("{value}")),
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |fields| write!(fields.out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |fields| write!(fields.out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |fields| write!(fields.out, "{value}"));
    }
}

/// Writes control characters as escapes, and in JSON what would end a string.
struct Harmless<'o, W> {
    out: &'o mut W,
    format: Format,
}

impl<W: fmt::Write> fmt::Write for Harmless<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_json = self.format == Format::Json;
        // Most are plain, which is seen faster by bytes.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !(is_json && matches!(byte, b'"' | b'\\'))) {
            return self.out.write_str(text);
        }
        let is_odd = |c: char| c.is_control() || (is_json && matches!(c, '"' | '\\'));
        let mut rest = text;
        while let Some((before, odd, after)) =
            rest.find(is_odd).and_then(|at| Some((rest.get(..at)?, rest.get(at..)?.chars().next()?, at)))
        {
            self.out.write_str(before)?;
            match odd {
                '"' | '\\' => write!(self.out, "\\{odd}")?,
                _ => write!(self.out, "\\u{:04x}", u32::from(odd))?,
            }
            rest = rest.get(after + odd.len_utf8()..).unwrap_or_default();
        }
        self.out.write_str(rest)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::Mutex;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Written {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    /// What is written as `format`, without the moment.
    pub(in crate::telemetry) fn written(format: Format, say: impl FnOnce()) -> String {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).event_format(format).finish();
        tracing::subscriber::with_default(subscriber, say);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        without_moment(&text)
    }

    pub(in crate::telemetry) fn without_moment(text: &str) -> String {
        let moment = text.find('Z').unwrap();
        let _: crate::model::Timestamp = text.get(moment - 23..=moment).unwrap().parse().unwrap();
        text.replace(text.get(moment - 23..=moment).unwrap(), "NOW")
    }

    /// One line with a field of each kind, of which a stranger has chosen two.
    fn say() {
        let (hostile, error) = ("a\nb\u{1b}[31m\"\\c", io::Error::other("no\r\nFORGED"));
        tracing::warn!(reference = %"abc", name = hostile, cause = %error, ms = 7, less = -1, good = true, "it {}", "failed");
    }

    #[test]
    fn a_line_of_text_stays_one() {
        let expected = "NOW  WARN panelgate::telemetry::format::tests: it failed reference=abc \
                        name=\"a\\nb\\u{1b}[31m\\\"\\\\c\" cause=no\\u000d\\u000aFORGED ms=7 less=-1 good=true\n";
        assert_eq!(written(Format::Text, say), expected);
        assert!(written(Format::Text, || tracing::error!("x")).starts_with("NOW ERROR panelgate"));
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let line = written(Format::Json, say);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "timestamp": "NOW", "level": "WARN", "message": "it failed", "reference": "abc",
            "name": "a\nb\u{1b}[31m\"\\c", "cause": "no\r\nFORGED", "ms": 7, "less": -1, "good": true,
            "target": "panelgate::telemetry::format::tests",
        });
        assert_eq!(read, expected);
        assert_eq!(line.matches('\n').count(), 1);
    }
}
