//! Pages and assets in gzip (RFC 1952), for the way to the browser.

use std::io;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Effort {
    /// For what is sent again and again: as small as can be.
    Best,
    /// For what is sent once: the server list repeats itself so much that more effort saves little.
    Fast,
}

/// The bytes in gzip.
///
/// # Errors
/// None that memory does not give: the type is that of any writer.
pub(in crate::console) fn gzip(bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Best => Compression::best(),
        Effort::Fast => Compression::fast(),
    };
    let mut packing = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), level);
    packing.write_all(bytes)?;
    packing.finish()
}
