//! The lines of the log on their way to standard error. Whoever has something to say puts it into a buffer and goes
//! on; one thread writes, many lines at a time. A line for each request that is written where it arises would cost
//! a system call each, and a reader that hangs would hang the gateway.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait. What is not a warning or an error may take half of them.
const MOST: usize = 1024 * 1024;

/// How long a line that is neither a warning nor an error may wait for others.
const COMPANY: Duration = Duration::from_millis(20);

/// How long the end of the program waits for a reader that takes nothing.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Lines that found no room since the program started.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// How many lines of the log found no room since the program started, because nobody took those before them.
pub fn left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// Where lines are put.
#[derive(Clone)]
pub(super) struct Lines(Arc<Buffer>);

/// The log of a running program. What was said is written when this is dropped, also while a panic unwinds.
#[derive(Debug)]
#[must_use = "the log ends when this is dropped"]
pub struct Log(Lines);

#[derive(Default)]
struct Buffer {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines that found no room since that was last said.
    left_out: u64,
    /// A warning or an error is among them.
    is_urgent: bool,
    /// The program ends.
    is_over: bool,
    /// All was written, and nobody writes any more.
    is_done: bool,
}

/// Where one event goes.
pub(super) struct Line<'b> {
    buffer: &'b Buffer,
    is_urgent: bool,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, Log)> {
        let lines = Self(Arc::default());
        let buffer = Arc::clone(&lines.0);
        thread::Builder::new().name("log".into()).spawn(move || buffer.write_all(out))?;
        Ok((lines.clone(), Log(lines)))
    }

    /// Puts a line that is no warning.
    pub(super) fn put(&self, line: &[u8]) {
        self.0.put(line, false);
    }
}

impl<'b> MakeWriter<'b> for Lines {
    type Writer = Line<'b>;

    fn make_writer(&'b self) -> Line<'b> {
        Line { buffer: &self.0, is_urgent: false }
    }

    fn make_writer_for(&'b self, meta: &Metadata<'_>) -> Line<'b> {
        Line { buffer: &self.0, is_urgent: *meta.level() <= Level::WARN }
    }
}

impl Write for Line<'_> {
    /// Takes whole events.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.buffer.put(event, self.is_urgent);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn put(&self, event: &[u8], is_urgent: bool) {
        let mut waiting = self.lock();
        if waiting.is_done {
            drop(waiting);
            // Something outlives the log. Nothing is left to do about a line that cannot be written.
            drop(io::stderr().write_all(event));
            return;
        }
        let most = if is_urgent { MOST } else { MOST / 2 };
        if waiting.bytes.len().saturating_add(event.len()) > most {
            waiting.left_out += 1;
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // The thread sleeps deeply only while there is nothing.
        let wakes = waiting.bytes.is_empty() || (is_urgent && !waiting.is_urgent);
        waiting.is_urgent |= is_urgent;
        waiting.bytes.extend_from_slice(event);
        drop(waiting);
        if wakes {
            self.changed.notify_all();
        }
    }

    fn write_all(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        while let Some(left_out) = self.take(&mut batch) {
            // Nothing is left to do about a line that cannot be written.
            drop(out.write_all(&batch).and_then(|()| out.flush()));
            batch.clear();
            if left_out > 0 {
                tracing::warn!(left_out, "lines of the log were left out: nobody took those before them in time");
            }
        }
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// Waits for lines and takes all that are there; says how many were left out. Nothing at the end.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let is_idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_over;
        let mut waiting = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let may_wait = |waiting: &mut Waiting| !waiting.is_urgent && !waiting.is_over && waiting.bytes.len() < MOST / 4;
        if may_wait(&mut waiting) {
            let waited = self.changed.wait_timeout_while(waiting, COMPANY, may_wait);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.bytes.is_empty() && waiting.is_over {
            return None;
        }
        std::mem::swap(&mut waiting.bytes, batch);
        waiting.is_urgent = false;
        Some(std::mem::take(&mut waiting.left_out))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Lines(buffer) = &self.0;
        let mut waiting = buffer.lock();
        waiting.is_over = true;
        buffer.changed.notify_all();
        drop(buffer.changed.wait_timeout_while(waiting, LAST_WORDS, |waiting| !waiting.is_done));
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::mpsc;

    use super::*;

    /// Takes a batch each time that somebody allows it, and tells what it was.
    struct Reader {
        allowed: mpsc::Receiver<()>,
        read: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.read.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn started() -> (Lines, Log, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let (allow, allowed) = mpsc::channel();
        let (read, batches) = mpsc::channel();
        let (lines, log) = Lines::start(Reader { allowed, read }).unwrap();
        (lines, log, allow, batches)
    }

    #[test]
    fn the_last_lines_are_written_at_the_end_and_in_a_panic() {
        for panics in [false, true] {
            let (lines, log, allow, batches) = started();
            allow.send(()).unwrap();
            let run = || {
                let _log = log;
                lines.0.put(b"one\n", false);
                lines.0.put(b"two\n", false);
                assert!(!panics, "as it should be here");
            };
            assert_eq!(std::panic::catch_unwind(AssertUnwindSafe(run)).is_err(), panics);
            assert_eq!(batches.recv().unwrap(), b"one\ntwo\n");
        }
    }

    #[test]
    fn a_reader_that_hangs_holds_nobody_up_and_errors_find_room_after_all_else() {
        let (lines, log, allow, batches) = started();
        let buffer = &lines.0;
        let line = vec![b'x'; 1024];
        // The first one is taken, and the reader hangs over it.
        buffer.put(b"first\n", true);
        while !buffer.lock().bytes.is_empty() {
            thread::yield_now();
        }
        let before = left_out();
        for _ in 0..MOST / 1024 {
            buffer.put(&line, false);
        }
        assert_eq!(buffer.lock().bytes.len(), MOST / 2);
        assert_eq!(buffer.lock().left_out, 512);
        buffer.put(b"error\n", true);
        assert!(buffer.lock().bytes.ends_with(b"error\n"));
        for _ in 0..MOST / 1024 {
            buffer.put(&line, true);
        }
        assert!(buffer.lock().bytes.len() <= MOST);
        assert!(left_out() - before > 512, "what was left out is counted");
        allow.send(()).unwrap();
        allow.send(()).unwrap();
        drop(log);
        assert_eq!(batches.recv().unwrap(), b"first\n");
        let rest = batches.recv().unwrap();
        assert!(rest.windows(6).any(|part| part == b"error\n"));
    }
}
