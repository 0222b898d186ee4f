//! `panelgate access test`: the tests that are kept beside a directory.

use std::fmt::Write as _;
use std::io;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Test;
use crate::cli::review::directory;
use crate::cli::review::explanation::Asked;
use crate::cli::review::explanation::Indented;
use crate::cli::review::explanation::Shown;
use crate::cli::review::names;
use crate::cli::review::read;
use crate::cli::review::result;
use crate::config::AccessTest;
use crate::config::Escaped;
use crate::config::access_tests;
use crate::config::counted;
use crate::policy::Expectation;
use crate::policy::Question;
use crate::policy::Review;

/// Runs all tests of all files: answers with 1 if one fails.
pub(super) fn test(arguments: &Test, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let directory = directory(&arguments.config.config, streams)?;
    let mut tests: Vec<AccessTest<Expectation>> = Vec::new();
    let mut is_whole = true;
    for file in &arguments.files {
        match read(access_tests(file, Expectation::HELP), streams)? {
            Some(read) => tests.extend(read),
            None => is_whole = false,
        }
    }
    let (Some(directory), true) = (directory, is_whole) else { return Ok(Exit::Config) };
    let review = Review::new(directory);
    let failures: Vec<String> = tests.iter().filter_map(|test| failure(&review, test)).collect();
    let mut text = failures.concat();
    match failures.len() {
        0 => writeln!(text, "{} passed", counted(tests.len(), "test")),
        failed => writeln!(text, "{failed} of {} failed", counted(tests.len(), "test")),
    }
    .map_err(io::Error::other)?;
    result(&text, streams)?;
    Ok(if failures.is_empty() { Exit::Done } else { Exit::No })
}

/// What there is to say about a test that fails.
fn failure(review: &Review, test: &AccessTest<Expectation>) -> Option<String> {
    let question = Question { server: test.server.clone(), service: Some(test.service), account: test.account.clone() };
    let explanation = review.explain(&test.groups, &question);
    let found = Expectation::found(&explanation);
    if test.expect.is_met_by(&found) {
        return None;
    }
    let person = match test.groups.as_slice() {
        [] => "a person without groups".to_owned(),
        groups => names(groups.iter().map(|group| group.0.as_str())),
    };
    Some(format!(
        "FAILED {}:{}  {person}: {}\n  expected  {}\n  found     {found}\n\n{}\n",
        Escaped(&test.source.file),
        test.source.line,
        Asked(&question),
        test.expect,
        Indented(&Shown::new(&question, &explanation, review.directory()).to_string()),
    ))
}
