//! Why WHMCS could not be read.

/// Why WHMCS could not be read. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum WhmcsError {
    /// A line of the database's answer is no row of ours.
    #[error(
        "line {line} is not what the query gives: run it with --batch --raw --skip-column-names \
         --default-character-set=utf8mb4"
    )]
    Line {
        /// From 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The database's answer begins or ends elsewhere, or a number of rows is not what its end says. A server whose
    /// permissions are missing would look as if everybody may open it.
    #[error("the answer of the database is not whole ({0}): run the query again")]
    NotWhole(String),
    /// An id stands twice.
    #[error("there are two {0} with the id {1}")]
    Twice(&'static str, u64),
    /// More servers or roles than any fleet has.
    #[error("there are more than {0} rows")]
    TooMany(usize),
    /// An address of WHMCS that is not `https:`.
    #[error("the address of WHMCS has to begin with https: the secret goes there")]
    NotHttps,
    /// TLS could not be set up.
    #[error("cannot set up TLS towards WHMCS")]
    Client(#[source] reqwest::Error),
    /// WHMCS did not answer.
    #[error("WHMCS does not answer")]
    Send(#[source] reqwest::Error),
    /// The answer is longer than 16 MiB.
    #[error("the answer of WHMCS is longer than 16 MiB")]
    TooLong,
    /// WHMCS says no, in these words.
    #[error("WHMCS refused (status {status}): {words}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// WHMCS's own words, without control characters.
        words: String,
    },
    /// The answer is none of the API's.
    #[error("what answers at this address is not WHMCS's API (status {status})")]
    NotWhmcs {
        /// The status of the answer.
        status: u16,
    },
}
