//! The line that the log gets for each request. It looks like all others, and is put together without the machinery
//! for them, which would cost four times as much.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::Targets;

use crate::model::ClientAddr;
use crate::model::ReferenceId;
use crate::telemetry::RedactedPath;
use crate::telemetry::format::Format;
use crate::telemetry::lines::Lines;

/// What the line is found by, in filters too.
const TARGET: &str = "panelgate::gateway::serve";

const LEVEL: Level = Level::INFO;

const MESSAGE: &str = "request";

/// Where the lines go, if anywhere, once the log was started with a format of ours.
static WAY: OnceLock<Option<(Lines, Format)>> = OnceLock::new();

/// Whether the log's filter lets the lines through.
pub(super) fn passes(filter: &Targets) -> bool {
    filter.would_enable(TARGET, &LEVEL)
}

/// From now on lines go there, or nowhere.
pub(super) fn go_to(way: Option<(Lines, Format)>) {
    // The log is started once.
    WAY.get_or_init(|| way);
}

/// A request that was answered. Neither query nor security token stands in its line.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'r> {
    /// What people are told, too.
    pub reference: ReferenceId,
    /// Who asked.
    pub client: ClientAddr,
    /// The method.
    pub method: &'r str,
    /// The host that it was for.
    pub host: &'r str,
    /// The path.
    pub path: RedactedPath<'r>,
    /// The answer's status.
    pub status: u16,
    /// From the head of the request to that of the answer.
    pub took: Duration,
    /// Of that, the time for which others were waited for.
    pub waited: Duration,
}

thread_local! {
    /// Room for a line.
    static ROOM: RefCell<String> = const { RefCell::new(String::new()) };
}

impl RequestLine<'_> {
    /// Says it to the log.
    pub fn say(&self) {
        let Some(way) = WAY.get() else { return self.say_as_usual() };
        if let Some((lines, format)) = way {
            ROOM.with_borrow_mut(|room| {
                room.clear();
                if self.write(*format, room).is_ok() {
                    lines.put(room.as_bytes());
                }
            });
        }
    }

    /// On a terminal, in colours.
    fn say_as_usual(&self) {
        let Self { reference, client, method, host, path, status, .. } = self;
        let (ms, waited_ms) = (millis(self.took), millis(self.waited));
        tracing::info!(target: TARGET, %reference, %client, %method, %host, %path, status, ms, waited_ms, "{MESSAGE}");
    }

    fn write(&self, format: Format, out: &mut String) -> std::fmt::Result {
        format.line(out, LEVEL.as_str(), TARGET, |fields| {
            fields.plain("message", MESSAGE)?;
            fields.plain("reference", self.reference.as_str())?;
            fields.plain("client", self.client.text().as_str())?;
            fields.text("method", self.method)?;
            fields.text("host", self.host)?;
            fields.texts("path", self.path.pieces())?;
            fields.number("status", self.status.into())?;
            fields.number("ms", millis(self.took))?;
            fields.number("waited_ms", millis(self.waited))
        })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::format::tests::without_moment;
    use crate::telemetry::format::tests::written;

    #[test]
    fn it_looks_like_every_other_line() {
        let line = RequestLine {
            reference: ReferenceId::from_bits(7),
            client: ClientAddr("192.0.2.7:1234".parse().unwrap()),
            method: "GET",
            // What browsers would not send, and what others might.
            host: "web1.connect.example.com\u{7f}\"\\",
            path: RedactedPath("/cpsess1234567890/\u{e9}\"x"),
            status: 200,
            took: Duration::from_millis(12),
            waited: Duration::from_micros(9900),
        };
        for format in [Format::Text, Format::Json] {
            let mut direct = String::new();
            line.write(format, &mut direct).unwrap();
            assert!(!direct.contains("1234567890"));
            assert_eq!(without_moment(&direct), written(format, || line.say_as_usual()));
        }
    }

    #[test]
    fn it_passes_the_filters_that_its_target_and_level_pass() {
        for (filter, expected) in [
            ("info", true),
            ("debug", true),
            ("warn", false),
            ("warn,panelgate=info", true),
            ("info,panelgate::gateway=warn", false),
            ("off,panelgate::gateway::serve=info", true),
        ] {
            assert_eq!(passes(&filter.parse().unwrap()), expected, "{filter}");
        }
    }
}
