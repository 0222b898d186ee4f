//! What a look from outside found, as it goes from that machine to the gateway's.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::model::ServerId;
use crate::model::Timestamp;
use crate::shield::verdict::Finding;
use crate::shield::verdict::Verdict;

/// Bytes of a report that are read at most: ten thousand servers take less.
pub const LARGEST_REPORT: u64 = 32 * 1024 * 1024;

/// The version of the form.
const FORM: u32 = 1;

/// An older report says little about now.
const OLDEST: Duration = Duration::from_hours(24);

/// So far clocks may be apart.
const APART: Duration = Duration::from_mins(5);

/// What a look found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The version of the form.
    pub form: u32,
    /// When.
    pub at: Timestamp,
    /// From which addresses it looked, as the machine itself knows them.
    pub from: BTreeSet<IpAddr>,
    /// The servers.
    pub servers: Vec<Looked>,
}

/// One server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Looked {
    /// Its id in the directory.
    pub server: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Its addresses.
    pub places: Vec<Place>,
    /// Why it could not be looked at, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// One address of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// What each port of a panel did.
    pub ports: BTreeMap<u16, Finding>,
    /// Whether its web server (80, 443) answers: that shows whether silence means something.
    pub web: bool,
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is none.
    #[error("that is no report of `panelgate shield check --outside --format json`")]
    NotOne(#[source] serde_json::Error),
    /// Another form.
    #[error("the report has form {0}, this version knows {FORM}: use the same version on both machines")]
    Form(u32),
    /// Older than a day, or of tomorrow.
    #[error("the report is of {0}: only one of the last day is taken")]
    Time(Timestamp),
    /// It was made on a gateway.
    #[error("the look was from {0}, an address of the gateway: that says nothing about others")]
    FromGateway(IpAddr),
}

impl Report {
    /// A report of now.
    pub(super) fn new(at: Timestamp, from: BTreeSet<IpAddr>, servers: Vec<Looked>) -> Self {
        Self { form: FORM, at, from, servers }
    }

    /// Reads a report and judges it anew.
    pub fn read(text: &str, gateways: &[IpAddr], now: Timestamp) -> Result<Self, ReportError> {
        let mut report: Self = serde_json::from_str(text).map_err(ReportError::NotOne)?;
        if report.form != FORM {
            return Err(ReportError::Form(report.form));
        }
        if now.since(report.at) > OLDEST || report.at.since(now) > APART {
            return Err(ReportError::Time(report.at));
        }
        if let Some(own) = report.from.iter().find(|from| gateways.contains(from)) {
            return Err(ReportError::FromGateway(*own));
        }
        for server in &mut report.servers {
            server.verdict = Looked::judge(&server.places);
        }
        Ok(report)
    }
}

impl Looked {
    /// A server that was looked at.
    pub(super) fn at(server: &ServerId, places: Vec<Place>) -> Self {
        let verdict = Self::judge(&places);
        Self { server: server.to_string(), verdict, places, why_not: None }
    }

    /// A server that could not be looked at.
    pub(super) fn not(server: &ServerId, why: String) -> Self {
        Self { server: server.to_string(), verdict: Verdict::Unknown, places: Vec::new(), why_not: Some(why) }
    }

    fn judge(places: &[Place]) -> Verdict {
        Verdict::worst(places.iter().map(|place| Verdict::of(&place.ports, place.web)))
    }

    /// The ports that answered, of any address.
    pub fn answering(&self) -> BTreeSet<u16> {
        let answers = |finding: Finding| matches!(finding, Finding::Panel | Finding::Stranger);
        let ports = self.places.iter().flat_map(|place| &place.ports);
        ports.filter(|(_, finding)| answers(**finding)).map(|(port, _)| *port).collect()
    }
}
