//! The one thread that writes: into the files first, then to wherever else.

use std::io;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

use crate::audit::batch::Batch;
use crate::audit::event::Kind;
use crate::audit::file;
use crate::audit::file::ChainFile;
use crate::audit::log::AuditError;
use crate::audit::log::AuditSettings;
use crate::audit::log::Need;
use crate::audit::queue::Receiver;
use crate::audit::syslog::Syslog;
use crate::model::Clock;

/// Most records that are written at once.
pub(super) const BATCH: usize = 1024;

struct Writer {
    file: ChainFile,
    stdout: Option<Need>,
    syslog: Option<(Syslog, Need)>,
    shed: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

/// Opens the file and starts the thread, which ends with the last sender of jobs.
pub(super) fn start(
    settings: AuditSettings,
    jobs: Receiver,
    shed: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
) -> io::Result<()> {
    let file = ChainFile::open(settings.file, clock.now())?;
    let syslog = settings.syslog.map(|(target, need)| (Syslog::new(target, &settings.host), need));
    let mut writer = Writer { file, stdout: settings.stdout, syslog, shed, clock };
    thread::Builder::new().name("audit".into()).spawn(move || {
        let mut written = None;
        while let Some(mut batch) = jobs.receive(written.take()) {
            writer.write(&mut batch);
            written = Some(batch);
        }
    })?;
    Ok(())
}

impl Writer {
    fn write(&mut self, batch: &mut Batch) {
        let now = self.clock.now();
        if let Err(error) = self.file.rotate_if_due(now) {
            tracing::error!(%error, "the audit file cannot be put aside");
        }
        let records: Vec<&[u8]> = batch.events().map(|(_, text)| text).collect();
        let written = self.file.write(&records, now);
        if let Err(error) = &written {
            tracing::error!(%error, "the audit file cannot be written");
            let requests = batch.events().filter(|(job, _)| job.done.is_none()).count();
            self.shed.fetch_add(u64::try_from(requests).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        // What is not in the file was not done, and is told nobody.
        let sent = if written.is_ok() { self.send(batch) } else { Ok(()) };
        for done in batch.waiting() {
            let answer = match (&written, &sent) {
                (Err(error), _) => Err(AuditError::Write(again(error))),
                (Ok(()), Err((place, error))) => Err(AuditError::Send(place, again(error))),
                (Ok(()), Ok(())) => Ok(()),
            };
            // Nobody waits any more if the request was dropped; the line is written all the same.
            drop(done.send(answer));
        }
        if written.is_ok() {
            self.tell_shed();
        }
    }

    /// Sends what is in the file to the other places. The first required one that fails is the answer.
    fn send(&mut self, batch: &Batch) -> Result<(), (&'static str, io::Error)> {
        let mut result = Ok(());
        if let Some(need) = self.stdout {
            let mut out = io::stdout().lock();
            let printed = batch.events().try_for_each(|(_, text)| {
                out.write_all(text)?;
                out.write_all(b"\n")
            });
            let printed = printed.and_then(|()| out.flush());
            result = fold(result, "standard output", need, printed);
        }
        if let Some((syslog, need)) = &mut self.syslog {
            let records: Vec<_> = batch.events().map(|(job, text)| (job.time, job.kind.as_str(), text)).collect();
            result = fold(result, "syslog", *need, syslog.send(&records));
        }
        result
    }

    /// Says in the file how many records of requests are not in it.
    fn tell_shed(&mut self) {
        let shed = self.shed.swap(0, Ordering::Relaxed);
        if shed == 0 {
            return;
        }
        tracing::warn!(shed, "records of requests were left out");
        let now = self.clock.now();
        let mut event = file::own(Kind::AuditShed, now);
        event.rest.shed = Some(shed);
        let written = file::line(&event).and_then(|line| self.file.write(&[line], now));
        if written.is_err() {
            self.shed.fetch_add(shed, Ordering::Relaxed);
        }
    }
}

fn fold(
    before: Result<(), (&'static str, io::Error)>,
    place: &'static str,
    need: Need,
    sent: io::Result<()>,
) -> Result<(), (&'static str, io::Error)> {
    let Err(error) = sent else { return before };
    tracing::error!(%error, place, "audit events cannot be sent");
    match need {
        Need::Required => before.and(Err((place, error))),
        Need::BestEffort => before,
    }
}

fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
