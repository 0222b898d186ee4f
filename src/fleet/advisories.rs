//! Which versions of cPanel & WHM have known holes: a table, checked when it is read.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

/// The table that comes with the program. Ranges as in the vendor's advisories, the fixed version excluded. It is
/// no complete list: what matters is what was fixed in cpsrvd and lets somebody become somebody else.
const TABLE: &str = include_str!("advisories.json");

/// Why a table of advisories cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON of the shape that `src/fleet/advisories.json` has.
    #[error("this is no table of advisories")]
    Shape(#[source] serde_json::Error),
    /// A version is not up to four numbers with dots.
    #[error("{0:?} is no version of cPanel & WHM, such as 11.134.0.44")]
    Version(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    says: String,
    source: String,
    affected: Vec<(String, String)>,
}

/// A known hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Its CVE id.
    pub id: String,
    /// What it lets people do.
    pub says: String,
    /// Where the vendor says so.
    pub source: String,
    affected: Vec<(Version, Version)>,
}

/// The known holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisories(Vec<Advisory>);

impl Advisories {
    /// Reads the table in a file, or without one the table that comes with the program.
    pub fn read(path: Option<&Path>) -> Result<Self, AdvisoryError> {
        let Some(path) = path else { return Self::parse(TABLE) };
        let text = fs::read_to_string(path);
        Self::parse(&text.map_err(|source| AdvisoryError::Read { path: path.to_owned(), source })?)
    }

    fn parse(text: &str) -> Result<Self, AdvisoryError> {
        let written: Vec<Written> = serde_json::from_str(text).map_err(AdvisoryError::Shape)?;
        let version = |text: &String| Version::parse(text).ok_or_else(|| AdvisoryError::Version(text.clone()));
        let advisory = |Written { id, says, source, affected }: Written| {
            let affected = affected.iter().map(|(from, before)| Ok((version(from)?, version(before)?)));
            Ok(Advisory { id, says, source, affected: affected.collect::<Result<_, AdvisoryError>>()? })
        };
        written.into_iter().map(advisory).collect::<Result<_, _>>().map(Self)
    }

    /// Those that a version has. Of a version that cannot be read nothing is known.
    pub fn of(&self, version: &str) -> Vec<&Advisory> {
        let Some(version) = Version::parse(version) else { return Vec::new() };
        let has =
            |advisory: &&Advisory| advisory.affected.iter().any(|(from, before)| (*from..*before).contains(&version));
        self.0.iter().filter(has).collect()
    }
}

/// Four numbers: `11.134.0.44`. Those that are not written are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version([u32; 4]);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; 4];
        let mut parts = text.split('.');
        for slot in &mut numbers {
            let Some(part) = parts.next() else { break };
            *slot = part.parse().ok()?;
        }
        parts.next().is_none().then_some(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let advisories = Advisories::read(None).unwrap();
        let ids = |version| advisories.of(version).into_iter().map(|found| found.id.as_str()).collect::<Vec<_>>();
        assert!(ids("11.134.0.19").contains(&"CVE-2026-41940"));
        assert!(!ids("11.134.0.20").contains(&"CVE-2026-41940"));
        // As text 11.86 comes after 11.110.
        assert!(ids("11.110.0.96").contains(&"CVE-2026-41940"));
        assert!(ids("11.86.0.40").contains(&"CVE-2026-41940") && !ids("11.86.0.41").contains(&"CVE-2026-41940"));
        assert_eq!(ids("11.138.0.20"), Vec::<&str>::new());
        assert_eq!(ids("a.b"), Vec::<&str>::new());
        assert_eq!(ids("1.2.3.4.5"), Vec::<&str>::new());
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        let parse = |text| Advisories::parse(text).unwrap_err().to_string();
        assert!(parse("[{\"id\":\"x\"}]").contains("no table"));
        let wrong = r#"[{"id":"x","says":"y","source":"z","affected":[["11.1","new"]]}]"#;
        assert!(parse(wrong).contains("\"new\" is no version"), "{}", parse(wrong));
        assert!(Advisories::parse("[]").unwrap().of("11.134.0.19").is_empty());
    }
}
