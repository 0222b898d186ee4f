//! The configuration, with its secrets looked at where they lie.

use std::path::Path;
use std::sync::Arc;

use crate::cli::asked::question;
use crate::config::AccessTest;
use crate::config::Config;
use crate::config::Problem;
use crate::config::Problems;
use crate::config::SecretCheck;
use crate::config::access_tests;
use crate::model::SecretRef;
use crate::policy::Expectation;
use crate::policy::Review;
use crate::vault;

/// Reads and checks a configuration. If it names tests of access, the directory has to pass them.
///
/// # Errors
/// Everything that is wrong with it, at once; a test that fails is a problem like any other.
pub fn load(path: &Path) -> Result<Config, Problems> {
    tested(Config::load(path, &look)?)
}

/// The same for a gateway that runs, which goes on with the certificates that it has if those of the
/// configuration cannot be used.
///
/// # Errors
/// As [`load`], but for certificates.
pub(super) fn load_again(path: &Path) -> Result<Config, Problems> {
    tested(Config::load_again(path, &look)?)
}

fn tested(config: Config) -> Result<Config, Problems> {
    let mut failed = Vec::new();
    let review = (!config.access_tests.is_empty()).then(|| Review::new(Arc::clone(&config.directory)));
    for (file, review) in config.access_tests.iter().zip(review.iter().cycle()) {
        match access_tests::<Expectation>(file, Expectation::HELP) {
            Ok(tests) => failed.extend(tests.iter().filter_map(|test| failure(review, test))),
            Err(problems) => failed.extend_from_slice(problems.list()),
        }
    }
    if failed.is_empty() { Ok(config) } else { Err(Problems::of_meaning(failed, config.sources)) }
}

fn failure(review: &Review, test: &AccessTest<Expectation>) -> Option<Problem> {
    let question = question(test);
    let found = Expectation::found(&review.explain(&test.groups, &question));
    let message = || format!("a test of access fails: expected \"{}\", found \"{found}\"", test.expect);
    let help = "change the directory or the test; `panelgate access test` explains the answer";
    (!test.expect.is_met_by(&found)).then(|| Problem::of_meaning(&test.source, message(), help))
}

/// Reads a secret and forgets it.
fn look(secret: &SecretRef) -> SecretCheck {
    match vault::read(secret) {
        Err(error) => SecretCheck::Unreadable(error.into()),
        Ok(_) if vault::is_readable_by_others(secret) => SecretCheck::ReadableByOthers,
        Ok(_) => SecretCheck::Readable,
    }
}
