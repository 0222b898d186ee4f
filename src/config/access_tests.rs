//! Files of tests that are kept beside a directory: who should be allowed what, and who should not.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::directory::account;
use crate::config::directory::given;
use crate::config::directory::idp_group;
use crate::config::directory::moment;
use crate::config::document;
use crate::config::field::Field;
use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::problem::Problems;
use crate::config::section::Section;
use crate::config::source::SourceFile;
use crate::model::Account;
use crate::model::AcrValue;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::Timestamp;

/// No session lasts a year.
const MAX_MINUTES: u64 = 365 * 24 * 60;

/// One test: a question, and the answer that is expected in the words of whoever answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTest<E> {
    /// The groups of the person; nobody's, if there are none.
    pub groups: Vec<IdpGroup>,
    /// The server, which need not exist.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account; any, if there is none.
    pub account: Option<Account>,
    /// For a hop: the account in WHM that it goes through.
    pub through: Option<Account>,
    /// The provider of the groups; any, if there is none.
    pub provider: Option<ProviderId>,
    /// When it is; any time, if there is none.
    pub at: Option<Timestamp>,
    /// The address of the person; any, if there is none.
    pub from: Option<IpAddr>,
    /// How long ago the person signed in; any time, if there is none.
    pub signed_in: Option<Duration>,
    /// The authentication context class of the sign-in; any, if there is none.
    pub acr: Option<AcrValue>,
    /// The answer.
    pub expect: E,
    /// Where it stands.
    pub source: Source,
}

/// Reads a file of tests, at least one. `help` says how an expectation is written.
///
/// # Errors
/// Everything that is wrong with the file, at once.
pub fn access_tests<E>(path: &Path, help: &str) -> Result<Vec<AccessTest<E>>, Problems>
where
    E: FromStr<Err: fmt::Display>,
{
    let findings = Findings::default();
    let tests = document::read(path, None, &findings).and_then(|file| {
        let table = document::parse(&file, &findings)?;
        let top = Section::top(Rc::clone(&file), &findings, table.get_ref());
        let sections = top.sections("tests");
        if sections.is_empty() {
            nothing_to_test(&file, &findings);
        }
        let tests: Vec<_> = sections.into_iter().map(|section| one(section, help)).collect();
        top.finish();
        tests.into_iter().collect()
    });
    findings.conclude(tests, path).map(|(tests, _)| tests)
}

fn one<E>(section: Section<'_>, help: &str) -> Option<AccessTest<E>>
where
    E: FromStr<Err: fmt::Display>,
{
    let source = Source { file: Arc::clone(&section.file.name), line: section.line() };
    let groups = section.required("groups", "[\"whm-support\"]").and_then(|field| groups(&field));
    let server = section
        .required("server", "\"web1\"")
        .and_then(|field| field.parse::<ServerId>("write the id of a server, such as \"web1\""));
    let services = Service::ALL.map(|service| (service.as_str(), service));
    let service = section.required("service", "\"whostmgrd\"").and_then(|field| field.choice(&services));
    let [account, through] = ["account", "through"].map(|key| section.optional(key).map(|field| account(&field)));
    let provider = section.optional("provider").map(|field| field.parse::<ProviderId>("write the id of a provider"));
    let at = section.optional("at").map(|field| moment(&field));
    let from = section.optional("from").map(|field| field.parse::<IpAddr>("write an IP address"));
    let signed_in = section.optional("signed_in_minutes_ago").map(|field| field.integer(0..=MAX_MINUTES));
    let acr = section.optional("acr").map(|field| field.parse::<AcrValue>("write one value of `acr`"));
    let expect = section.required("expect", "\"deny\"").and_then(|field| field.parse::<E>(help));
    section.finish();
    Some(AccessTest {
        groups: groups?,
        server: server?,
        service: service?,
        account: given(account)?,
        through: given(through)?,
        provider: given(provider)?,
        at: given(at)?,
        from: given(from)?,
        signed_in: given(signed_in)?.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        acr: given(acr)?,
        expect: expect?,
        source,
    })
}

/// The groups of a person, who may have none.
fn groups(field: &Field<'_>) -> Option<Vec<IdpGroup>> {
    if field.is_empty_list() {
        return Some(Vec::new());
    }
    field.list_of(idp_group)
}

fn nothing_to_test(file: &Rc<SourceFile>, findings: &Findings) {
    let place = Place { file: Rc::clone(file), span: None, key: "tests".to_owned() };
    findings.problem(place, "there is no test in this file", "add a section `[[tests]]` for each");
}
