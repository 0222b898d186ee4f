//! What a probe learnt: for people, and for the double that has to learn it too.

use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;

use crate::panel::probe::INFERENCES;
use crate::panel::probe::Inference;
use crate::panel::probe::Probe;
use crate::panel::probe::record::Exchange;

/// What became of an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The server is as it was believed to be.
    Held,
    /// It is not.
    Differs,
    /// It could not be seen.
    Unseen,
}

/// What was found about an inference.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// What was seen, or why nothing was.
    pub(super) seen: String,
    /// The value of the double's switch that would make it do the same.
    pub(super) double: String,
}

/// An inference with what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Its name.
    pub id: &'static str,
    /// What is believed.
    pub says: &'static str,
    /// Where that stands in `docs/cpsrvd.md`.
    pub section: &'static str,
    verdict: Verdict,
    /// What was seen, or why nothing was.
    pub seen: String,
    /// The numbers of the double's behaviours.
    pub behaviours: &'static [u8],
    /// How the names of their tests begin.
    pub tests: Vec<String>,
    /// `switch = value` of the double that does as this server did; empty where it held, or where there is none.
    pub double: String,
    /// What to do about it; empty where it held.
    pub copes: &'static str,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema: &'static str,
    panelgate: &'static str,
    /// The version of cPanel & WHM.
    pub version: Option<String>,
    /// Whether the token is root's.
    as_root: bool,
    /// Each inference, in the order of the table.
    pub inferences: Vec<Judged>,
    /// Each exchange, in its order, redacted.
    pub exchanges: Vec<Exchange>,
    /// What is left at the server, in words.
    pub left: Vec<String>,
}

impl Report {
    pub(super) fn new(probe: Probe<'_>) -> Self {
        let Probe { subject, version, exchanges, mut findings, silent, left, .. } = probe;
        let why = match silent.first() {
            Some(step) => format!("no answer while {step}"),
            None => "the probe did not come so far".to_owned(),
        };
        let judged = |inference: &Inference| {
            let Inference { id, says, section, behaviours, switch, copes } = *inference;
            let unseen = || Finding { verdict: Verdict::Unseen, seen: why.clone(), double: String::new() };
            let Finding { verdict, seen, double } = findings.remove(id).unwrap_or_else(unseen);
            let double =
                if switch.is_empty() || double.is_empty() { String::new() } else { format!("{switch} = {double}") };
            let tests = behaviours.iter().map(|number| format!("b{number:02}_")).collect();
            let copes = if verdict == Verdict::Differs { copes } else { "" };
            Judged { id, says, section, verdict, seen, behaviours, tests, double, copes }
        };
        Self {
            schema: "panelgate.probe/1",
            panelgate: env!("CARGO_PKG_VERSION"),
            version,
            as_root: subject.credential.account.as_str() == "root",
            inferences: INFERENCES.iter().map(judged).collect(),
            exchanges,
            left,
        }
    }

    /// Whether nothing that could be seen differs, and nothing is left.
    pub fn is_as_believed(&self) -> bool {
        self.count(Verdict::Differs) == 0 && self.left.is_empty()
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.inferences.iter().filter(|judged| judged.verdict == verdict).count()
    }
}

impl fmt::Display for Report {
    /// For people: what differs first, then what could not be seen, then what held.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or("of an unknown version");
        let counts = [Verdict::Held, Verdict::Differs, Verdict::Unseen].map(|verdict| self.count(verdict));
        let [held, differ, unseen] = counts;
        writeln!(f, "cPanel & WHM {version}: {held} held, {differ} differ, {unseen} could not be seen")?;
        for (title, verdict) in [("differs", Verdict::Differs), ("not seen", Verdict::Unseen), ("held", Verdict::Held)]
        {
            for judged in self.inferences.iter().filter(|judged| judged.verdict == verdict) {
                writeln!(f, "{title:<9} {}: {}", judged.id, judged.says)?;
                let mut more = String::new();
                write!(more, "          seen: {}", judged.seen)?;
                if verdict == Verdict::Differs {
                    write!(more, "\n          do: {}", judged.copes)?;
                }
                if !judged.double.is_empty() {
                    write!(more, "\n          double: {}", judged.double)?;
                }
                writeln!(f, "{more}")?;
            }
        }
        for left in &self.left {
            writeln!(f, "LEFT AT THE SERVER: {left}")?;
        }
        Ok(())
    }
}
