//! `panelgate access test`: the tests that are kept beside a directory.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use crate::cli::Streams;
use crate::cli::asked::question;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Format;
use crate::cli::review::arguments::Test;
use crate::cli::review::csv;
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
use crate::policy::Explanation;
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
    let run: Vec<Run<'_>> = tests.iter().map(|test| Run::new(&review, test)).collect();
    let text = match arguments.format {
        Format::Table => table(&run, &review)?,
        Format::Json => json(&run, &review)?,
        Format::Csv => csv(&run),
    };
    result(&text, streams)?;
    Ok(if run.iter().all(Run::has_passed) { Exit::Done } else { Exit::No })
}

/// A test, and what came of it.
struct Run<'r> {
    test: &'r AccessTest<Expectation>,
    question: Question,
    explanation: Explanation<'r>,
    found: Expectation,
}

impl<'r> Run<'r> {
    fn new(review: &'r Review, test: &'r AccessTest<Expectation>) -> Self {
        let question = question(test);
        let explanation = review.explain(&test.groups, &question);
        Self { test, question, found: Expectation::found(&explanation), explanation }
    }

    fn has_passed(&self) -> bool {
        self.test.expect.is_met_by(&self.found)
    }

    /// What there is to say about a test that fails.
    fn failure(&self, review: &Review) -> String {
        let Self { test, question, explanation, found } = self;
        let person = match test.groups.as_slice() {
            [] => "a person without groups".to_owned(),
            groups => names(groups.iter().map(|group| group.0.as_str())),
        };
        format!(
            "FAILED {}:{}  {person}: {}\n  expected  {}\n  found     {found}\n\n{}\n",
            Escaped(&test.source.file),
            test.source.line,
            Asked(question),
            test.expect,
            Indented(&Shown::new(question, explanation, review.directory(), None).to_string()),
        )
    }
}

fn table(run: &[Run<'_>], review: &Review) -> io::Result<String> {
    let failures: Vec<String> = run.iter().filter(|run| !run.has_passed()).map(|run| run.failure(review)).collect();
    let mut text = failures.concat();
    match failures.len() {
        0 => writeln!(text, "{} passed", counted(run.len(), "test")),
        failed => writeln!(text, "{failed} of {} failed", counted(run.len(), "test")),
    }
    .map_err(io::Error::other)?;
    Ok(text)
}

/// The results as JSON.
#[derive(Serialize)]
struct Document<'r> {
    directory_version: &'r str,
    passed: usize,
    failed: usize,
    tests: Vec<Row<'r>>,
}

#[derive(Serialize)]
struct Row<'r> {
    test: String,
    passed: bool,
    groups: Vec<&'r str>,
    asked: String,
    expected: String,
    found: String,
}

fn json(run: &[Run<'_>], review: &Review) -> io::Result<String> {
    let row = |run: &Run<'_>| Row {
        test: run.test.source.to_string(),
        passed: run.has_passed(),
        groups: Vec::new(),
        asked: Asked(&run.question).to_string(),
        expected: run.test.expect.to_string(),
        found: run.found.to_string(),
    };
    let tests: Vec<Row<'_>> = run
        .iter()
        .map(|one| Row { groups: one.test.groups.iter().map(|group| group.0.as_str()).collect(), ..row(one) })
        .collect();
    let passed = tests.iter().filter(|row| row.passed).count();
    let failed = tests.len().saturating_sub(passed);
    let document = Document { directory_version: &review.directory().version.0, passed, failed, tests };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn csv(run: &[Run<'_>]) -> String {
    let mut text = csv::line(["test", "result", "groups", "asked", "expected", "found"]);
    for one in run {
        text.push_str(&csv::line([
            &one.test.source.to_string(),
            if one.has_passed() { "passed" } else { "failed" },
            &names(one.test.groups.iter().map(|group| group.0.as_str())),
            &Asked(&one.question).to_string(),
            &one.test.expect.to_string(),
            &one.found.to_string(),
        ]));
    }
    text
}
