//! `panelgate audit verify`: whether the records are as they were written.

use std::fmt::Write as _;
use std::io;

use crate::audit;
use crate::cli::Streams;
use crate::cli::audit::arguments::Verify;
use crate::cli::audit::find;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::config::Escaped;
use crate::config::counted;

/// Shows what is wrong and what is worth knowing: answers with 1 if anything is wrong.
pub(super) fn verify(arguments: &Verify, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Some(found) = find(&arguments.place, streams)? else { return Ok(Exit::Config) };
    let head = found.head.as_deref();
    let verified = match audit::verify(&found.file, head.filter(|head| head.exists()), arguments.head) {
        Ok(verified) => verified,
        Err(error) => {
            let file = found.file.display().to_string();
            heard(writeln!(streams.err, "error: the audit files at {} cannot be read: {error}", Escaped(&file)))?;
            return Ok(Exit::Software);
        }
    };
    let mut text = String::new();
    let mut add = |line: &str| writeln!(text, "{}", Escaped(line)).map_err(io::Error::other);
    verified.notes.iter().try_for_each(|note| add(&format!("note: {note}")))?;
    verified.findings.iter().try_for_each(|finding| add(&finding.to_string()))?;
    if verified.further > 0 {
        add(&format!("and {} more", verified.further))?;
    }
    match head {
        Some(head) if !head.exists() => add(&format!(
            "note: there is no {}: whether records are cut off at the end cannot be told",
            head.display()
        ))?,
        None if arguments.head.is_none() => {
            add("note: without the configuration, or --head, whether records are cut off at the end cannot be told")?;
        }
        _ => {}
    }
    let (records, files) = (verified.records, counted(verified.files, "file"));
    match verified.range {
        Some((first, last)) => add(&format!("{records} records in {files}, from {first} to {last}"))?,
        None => add(&format!("no records in {files}"))?,
    }
    let is_whole = verified.findings.is_empty();
    add(if is_whole { "the records are whole" } else { "the records are NOT whole" })?;
    heard(streams.out.write_all(text.as_bytes()))?;
    Ok(if is_whole { Exit::Done } else { Exit::No })
}
