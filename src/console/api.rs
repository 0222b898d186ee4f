//! The JSON bodies that the console's scripts send and read.

use serde::Deserialize;
use serde::Serialize;

use crate::console::entry::Entry;
use crate::console::problem::Problem;
use crate::model::Account;
use crate::model::ServerId;
use crate::model::Service;

/// The body of `POST /api/open`: which panel to open. Nothing in it is trusted but its form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawOpenRequest")]
pub struct OpenRequest {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account to open it as.
    pub account: Account,
}

/// The request as it was sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpenRequest {
    server: String,
    service: String,
    account: String,
}

/// A field of an [`OpenRequest`] does not name what it should.
#[derive(Debug, thiserror::Error)]
#[error("the request names no {0}")]
struct Unnamed(&'static str);

impl TryFrom<RawOpenRequest> for OpenRequest {
    type Error = Unnamed;

    fn try_from(raw: RawOpenRequest) -> Result<Self, Unnamed> {
        Ok(Self {
            server: raw.server.parse().map_err(|_| Unnamed("server"))?,
            service: raw.service.parse().map_err(|_| Unnamed("service"))?,
            account: raw.account.parse().map_err(|_| Unnamed("account"))?,
        })
    }
}

/// The body of a `200` to `POST /api/open`: where the frame goes, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// The absolute address on the panel origin that the frame is sent to.
    pub frame: String,
    server: String,
    service: &'static str,
    account: String,
    title: String,
}

impl Opened {
    /// The answer for an entry whose panel is reached at `frame`.
    pub fn new(entry: &Entry, frame: String) -> Self {
        Self {
            frame,
            server: entry.server.to_string(),
            service: entry.service.as_str(),
            account: entry.account.to_string(),
            title: entry.title(),
        }
    }
}

/// The body of every answer to a script that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// What went wrong.
    pub problem: Problem,
    /// With a `401`: where to sign in again, a path on the console origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
    /// Where a stronger sign-in is to be had, if nothing else is lacking: a path on the console origin, which
    /// takes `return_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_up: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ReferenceId;

    #[test]
    fn a_request_is_read_into_checked_names() {
        let good = r#"{"server":"web1","service":"whostmgrd","account":"root"}"#;
        let request: OpenRequest = serde_json::from_str(good).unwrap();
        assert_eq!((request.server.as_str(), request.service), ("web1", Service::Whostmgrd));
        for bad in [
            r#"{"server":"Web 1","service":"whostmgrd","account":"root"}"#,
            r#"{"server":"web1","service":"ssh","account":"root"}"#,
            r#"{"server":"web1","service":"whostmgrd","account":"a:b"}"#,
            r#"{"server":"web1","service":"whostmgrd","account":"root","x":1}"#,
            r#"{"server":"web1","service":"whostmgrd"}"#,
        ] {
            assert!(serde_json::from_str::<OpenRequest>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_have_the_shape_that_the_scripts_read() {
        let entry = Entry::for_test("web1", "Frankfurt 1", Service::Whostmgrd, "root");
        assert_eq!(
            serde_json::to_value(Opened::new(&entry, "https://web1.example.com:2087/x".into())).unwrap(),
            json!({
                "frame": "https://web1.example.com:2087/x",
                "server": "web1", "service": "whostmgrd", "account": "root",
                "title": "web1 WHM as root",
            }),
        );
        let problem = Problem {
            code: "signed_out",
            title: "Your session ended".into(),
            what: "w".into(),
            todo: "t".into(),
            reference: ReferenceId::from_bits(0),
        };
        assert_eq!(
            serde_json::to_value(Failed { problem: problem.clone(), sign_in: Some("/sign-in".into()), step_up: None })
                .unwrap(),
            json!({
                "problem": {
                    "code": "signed_out", "title": "Your session ended", "what": "w", "todo": "t",
                    "reference": "00000-00000",
                },
                "sign_in": "/sign-in",
            }),
        );
        let body = serde_json::to_value(Failed { problem, sign_in: None, step_up: None }).unwrap();
        assert!(body.get("sign_in").is_none() && body.get("step_up").is_none());
    }
}
