//! `panelgate explain`: one answer, and all that led to it.

use std::io;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Explain;
use crate::cli::review::directory;
use crate::cli::review::explanation::Shown;
use crate::cli::review::result;
use crate::model::IdpGroup;
use crate::policy::Decision;
use crate::policy::Question;
use crate::policy::Review;

/// Answers with 0 for allowed and 1 for denied.
pub(in crate::cli) fn explain(arguments: &Explain, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Some(directory) = directory(&arguments.config.config, streams)? else { return Ok(Exit::Config) };
    let review = Review::new(directory);
    let groups: Vec<IdpGroup> = arguments.groups.iter().chain(&arguments.group).cloned().map(IdpGroup).collect();
    let question =
        Question { server: arguments.server.clone(), service: arguments.service, account: arguments.account.clone() };
    let explanation = review.explain(&groups, &question);
    result(&Shown::new(&question, &explanation, review.directory()).to_string(), streams)?;
    match explanation.decision {
        Decision::Allowed(_) => Ok(Exit::Done),
        Decision::Denied(_) => Ok(Exit::No),
    }
}
