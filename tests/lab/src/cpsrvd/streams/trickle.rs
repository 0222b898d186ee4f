//! Answers that take their time: streaming pages, server-sent events, downloads.

use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::Body;
use crate::cpsrvd::answer::NO_STORE;
use crate::cpsrvd::switches::Framing;
use crate::cpsrvd::switches::Switches;

/// A page whose lines come one by one. The last line has the id `upgrade-end`.
pub(crate) fn upgrade(switches: &Switches) -> Answer {
    fn line(n: u32) -> String {
        match n {
            0 => {
                "<!doctype html>\n<title>Upgrade</title>\n<pre id=\"upgrade-log\"><span id=\"line-0\">Starting</span>\n"
                    .to_owned()
            }
            n => format!("<span id=\"line-{n}\">Step {n} is done</span>\n"),
        }
    }
    streaming(Answer::page(200, "OK", ""), switches, line)
}

/// Server-sent events, one per interval, then an `end` event.
pub(crate) fn events(switches: &Switches) -> Answer {
    fn line(n: u32) -> String {
        format!("id: {n}\ndata: event {n}\n\n")
    }
    let answer = Answer::new(200, "OK", "text/event-stream", "").header("Cache-Control", NO_STORE);
    streaming(answer, switches, line)
}

/// A generated file, with its length or until the connection ends.
pub(crate) fn download(switches: &Switches, name: &str) -> Answer {
    let framing = if switches.download_length { Framing::ContentLength } else { Framing::UntilClose };
    let safe: String =
        name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter)).collect();
    let answer = Answer::new(200, "OK", "application/octet-stream", "")
        .header("Content-Disposition", format!("attachment; filename=\"{safe}\""))
        .header("Cache-Control", NO_STORE);
    Answer { body: Body::Generated(switches.download_bytes), ..answer.framed(framing) }
}

fn streaming(answer: Answer, switches: &Switches, line: fn(u32) -> String) -> Answer {
    let body = Body::Lines { line, count: switches.trickle_lines, every: switches.trickle_interval };
    Answer { body, ..answer.framed(Framing::Chunked) }
}
