//! The audit file: one writer, whole lines, on disk before anybody goes on.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::audit::event::Event;

/// Events that may wait for the disk. More would only hide that it does not keep up.
const QUEUE: usize = 1024;

/// Why an event could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened.
    #[error("cannot open the audit file {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The line could not be written or brought to disk.
    #[error("cannot write the audit file")]
    Write(#[source] io::Error),
    /// The event could not be written as JSON.
    #[error("cannot write the audit event")]
    Encode(#[source] serde_json::Error),
    /// The writer has ended.
    #[error("the audit writer has ended")]
    Gone,
}

struct Job {
    line: Vec<u8>,
    done: Option<oneshot::Sender<io::Result<()>>>,
}

/// The audit log. Clones write to the same file, in the order in which they record.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: mpsc::Sender<Job>,
}

impl AuditLog {
    /// Opens the file for appending, readable by its owner and group only, and starts its writer.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let open = |source| AuditError::Open { path: path.to_owned(), source };
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o640).open(path).map_err(open)?;
        end_torn_line(&mut file).map_err(open)?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        thread::Builder::new().name("audit".into()).spawn(move || write(file, jobs)).map_err(open)?;
        Ok(Self { queue })
    }

    /// Writes an event and waits until it is on disk.
    pub async fn record(&self, event: &Event) -> Result<(), AuditError> {
        let line = event.line().map_err(AuditError::Encode)?;
        let (done, written) = oneshot::channel();
        self.queue.send(Job { line, done: Some(done) }).await.map_err(|_| AuditError::Gone)?;
        written.await.map_err(|_| AuditError::Gone)?.map_err(AuditError::Write)
    }

    /// Writes an event without waiting, where nobody can: a request that was dropped.
    pub(super) fn record_later(&self, event: &Event) {
        let sent = match event.line() {
            Ok(line) => self.queue.try_send(Job { line, done: None }).map_err(|_| AuditError::Gone),
            Err(error) => Err(AuditError::Encode(error)),
        };
        if let Err(error) = sent {
            tracing::error!(%error, "an audit event was lost");
        }
    }
}

fn write(mut file: File, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    // One trip to the disk for all that wait: a burst costs one fsync, not one each.
    while jobs.blocking_recv_many(&mut batch, QUEUE) > 0 {
        let lines: Vec<u8> = batch.iter().flat_map(|job| job.line.iter().copied()).collect();
        let result = append(&mut file, &lines);
        if let Err(error) = &result {
            tracing::error!(%error, "the audit file cannot be written");
        }
        for job in batch.drain(..) {
            let answer = result.as_ref().map(|&()| ()).map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // Nobody waits any more if the request was dropped; the line is written all the same.
            drop(job.done.map(|done| done.send(answer)));
        }
    }
}

/// Writes lines and brings them to disk, all or none: what a full disk took of them is taken back, so that
/// the next line does not begin in the middle of another.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) else { return Ok(()) };
    if file.metadata()?.len() > before {
        file.set_len(before)?;
    }
    Err(error)
}

/// Ends a last line that a crash has torn, so that it spoils no other.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { append(file, b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for (before, after) in [("", ""), ("{}\n", "{}\n"), ("{}\n{\"sch", "{}\n{\"sch\n")] {
            std::fs::write(&path, before).unwrap();
            AuditLog::open(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }
}
