//! Answers that take their time: streaming pages, server-sent events, downloads.

use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::Body;
use crate::cpsrvd::answer::NO_STORE;
use crate::cpsrvd::switches::Framing;
use crate::cpsrvd::switches::Switches;

const UPGRADE_START: &str = "<!doctype html>\n<title>Upgrade</title>\n\
    <link rel=\"stylesheet\" href=\"/cPanel_magic_revision_1700000000/lab/style.css\">\n\
    <pre id=\"upgrade-log\"><span id=\"line-0\">Starting</span>\n";

/// A page whose lines come one by one. The last thing in it has the id `upgrade-end`.
pub(crate) fn upgrade(switches: &Switches) -> Answer {
    fn line(n: u32) -> String {
        match n {
            0 => UPGRADE_START.to_owned(),
            n => format!("<span id=\"line-{n}\">Step {n} is done</span>\n"),
        }
    }
    streaming(Answer::page(200, "OK", ""), switches, line, "<span id=\"upgrade-end\">Complete</span>\n</pre>\n")
}

/// Server-sent events, one per interval, the last one followed by an `end` event.
pub(crate) fn events(switches: &Switches) -> Answer {
    fn line(n: u32) -> String {
        format!("id: {n}\ndata: event {n}\n\n")
    }
    let answer = Answer::new(200, "OK", "text/event-stream", "").header("Cache-Control", NO_STORE);
    streaming(answer, switches, line, "event: end\ndata: end\n\n")
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

fn streaming(answer: Answer, switches: &Switches, line: fn(u32) -> String, end: &'static str) -> Answer {
    let body = Body::Lines {
        line,
        count: switches.trickle_lines,
        every: switches.trickle_interval,
        cue: switches.trickle_cue.clone(),
        end,
    };
    Answer { body, ..answer.framed(Framing::Chunked) }
}
