//! The commands of those who review access: `explain` and `access matrix | diff | test`.
//!
//! They read the directory alone, so they run on a laptop or in a pipeline, where no secret is. The answers
//! come from `policy`; here they become text. Each is put together before anything is written, and a reader
//! that stops reading changes no exit code.

mod arguments;
pub(in crate::cli) mod csv;
mod diff;
mod explain;
mod explanation;
mod matrix;
mod page;
mod signed_in;
pub(super) mod table;
mod terms;
mod test;
mod whom;

use std::io;
use std::iter;
use std::path::Path;
use std::sync::Arc;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::config::Config;
use crate::config::Escaped;
use crate::config::Problems;
use crate::config::nearest;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Source;

pub use arguments::Access;
pub use arguments::Diff;
pub use arguments::Explain;
pub use arguments::Format;
pub use arguments::Matrix;
pub use arguments::MatrixFormat;
pub use arguments::Test;

pub(super) use arguments::EXIT_OF_EXPLAIN;
pub(super) use explain::explain;

/// Does what `panelgate access` is asked for.
pub(super) fn access(command: &Access, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Access::Matrix(arguments) => matrix::matrix(arguments, streams),
        Access::Diff(arguments) => diff::diff(arguments, streams),
        Access::Test(arguments) => test::test(arguments, streams),
    }
}

/// The directory of a configuration; its problems become messages.
fn directory(config: &Path, streams: &mut Streams<'_>) -> io::Result<Option<Arc<Directory>>> {
    read(Config::directory_only(config), streams)
}

/// What was read, or nothing after its problems have become messages.
fn read<T>(read: Result<T, Problems>, streams: &mut Streams<'_>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(problems) => {
            heard(streams.err.write_all(problems.render(streams.look).as_bytes()))?;
            Ok(None)
        }
    }
}

/// Writes a result.
fn result(text: &str, streams: &mut Streams<'_>) -> io::Result<()> {
    heard(streams.out.write_all(text.as_bytes()))
}

/// Writes a message of one line.
fn message(text: &str, streams: &mut Streams<'_>) -> io::Result<()> {
    heard(writeln!(streams.err, "{text}"))
}

/// A wrong argument.
pub(super) fn usage(text: &str, streams: &mut Streams<'_>) -> io::Result<Exit> {
    message(&format!("error: {text}"), streams)?;
    Ok(Exit::Usage)
}

/// That a name is none of those that there are, and which was probably meant.
pub(super) fn unknown<'n>(noun: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let meant = nearest(name, known).map(|meant| format!("; did you mean `{}`?", Escaped(meant)));
    format!("the directory has no {noun} `{}`{}", Escaped(name), meant.unwrap_or_default())
}

/// Lines of the directory: `directory.toml:12, 40`.
fn lines(sources: &[&Source]) -> String {
    let before = iter::once(None).chain(sources.iter().map(|source| Some(&source.file)));
    let line = |(source, before): (&&Source, Option<&Arc<str>>)| {
        if before == Some(&source.file) {
            source.line.to_string()
        } else {
            format!("{}:{}", Escaped(&source.file), source.line)
        }
    };
    sources.iter().zip(before).map(line).collect::<Vec<_>>().join(", ")
}

/// Names in a row, with nothing in them that a terminal obeys.
fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Groups, and the provider that they must come from if it is one.
fn people<'g>(provider: Option<&ProviderId>, groups: impl IntoIterator<Item = &'g IdpGroup>) -> String {
    let groups = names(groups.into_iter().map(|group| group.0.as_str()));
    provider.map_or_else(|| groups.clone(), |provider| format!("{groups} of {provider}"))
}

/// A name with nothing in it that a terminal obeys or a reader cannot see.
fn shown(name: &str) -> String {
    Escaped(name).to_string()
}
