//! People at work while something fails: requests all the time, over connections that are kept and over new ones, a
//! terminal and an event stream open; and the count of what went wrong for them.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Message;
use lab::browser::Page;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::stage::problem;

/// How long somebody waits for an answer, or for a terminal to say something.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two things that somebody does.
const PAUSE: Duration = Duration::from_millis(100);

/// The things that somebody does in turn.
const ROUND: usize = 8;

/// How long it may take until everybody can work again.
const AT_WORK_AGAIN: Duration = Duration::from_mins(1);

/// The close code of a server that goes away (RFC 6455 section 7.4.1).
const GOING_AWAY: u16 = 1001;

/// Somebody with a panel open.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    pub(crate) console: Page,
    pub(crate) panel: Page,
}

impl Person {
    /// Signs in, and opens web1's WHM.
    pub(crate) async fn begin(browser: Browser) -> Self {
        let console = browser.sign_in("ada").await.unwrap();
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        Self { browser, console, panel }
    }

    /// One thing after the other: mostly the open panel, every fourth time over a new connection; once in a round
    /// something that is denied, which is on record before the answer comes.
    async fn does(&self, turn: usize) -> anyhow::Result<Did> {
        let anew = (turn % 4 == 3).then(|| self.browser.again());
        let browser = anew.as_ref().unwrap_or(&self.browser);
        let (answer, expected) = match turn % ROUND {
            0 => (browser.ask_to_open(&self.console, "web3", "whostmgrd", "nobody").await?, 403),
            2 | 6 => (browser.fetch(&self.console, "/api/session").await?, 204),
            _ => (browser.fetch(&self.panel, self.panel.url.as_str()).await?, 200),
        };
        if answer.status == 401 {
            return Ok(Did::SignedOut);
        }
        anyhow::ensure!(answer.status == expected, "{} for {}: {}", answer.status, answer.url, answer.text());
        Ok(if expected == 403 { Did::Denied(problem(&answer).1) } else { Did::Answered })
    }
}

enum Did {
    Answered,
    /// With the reference under which it is on record.
    Denied(String),
    SignedOut,
}

/// What happened to them so far.
#[derive(Clone, Default)]
struct Tally {
    asked: usize,
    /// Requests that were not answered as they should have been: when, and how; whether over a kept connection.
    failed: Vec<(Instant, bool, String)>,
    /// The requests of each person since the last one that failed.
    in_a_row: Vec<usize>,
    /// Answers that say that somebody is signed out.
    signed_out: usize,
    /// What ended of terminals and event streams: when, and whether it was said why.
    ended: Vec<(Instant, bool)>,
    /// Terminals and event streams that are open.
    open: usize,
    /// When one was last opened again.
    reopened: Option<Instant>,
    /// The references of denials that were told of.
    denied: Vec<String>,
}

/// Several of them.
pub(crate) struct People {
    pub(crate) all: Vec<Arc<Person>>,
    open: usize,
    tally: Arc<Mutex<Tally>>,
    tasks: Vec<JoinHandle<()>>,
}

/// A moment from which it is counted.
pub(crate) struct Mark {
    at: Instant,
    before: Tally,
}

/// What came of a fault.
pub(crate) struct Outcome {
    pub(crate) asked: usize,
    pub(crate) failed: usize,
    /// Those of the failed ones that went over a connection that had been open before.
    pub(crate) failed_in_place: usize,
    pub(crate) signed_out: usize,
    /// Terminals and event streams that were open, that ended, and that said before why they ended.
    pub(crate) open: usize,
    pub(crate) ended: usize,
    pub(crate) told: usize,
    /// From the fault to the last thing that went wrong.
    pub(crate) lasted: Duration,
    why: Vec<String>,
}

impl People {
    /// They begin to work. Those for whom `has_more` says so have a terminal and an event stream open too.
    pub(crate) async fn begin(all: Vec<Person>, has_more: impl Fn(usize) -> bool) -> Self {
        let all: Vec<Arc<Person>> = all.into_iter().map(Arc::new).collect();
        let tally = Arc::new(Mutex::new(Tally { in_a_row: vec![0; all.len()], ..Tally::default() }));
        let (mut tasks, mut open) = (Vec::new(), 0);
        for (number, person) in all.iter().enumerate() {
            tasks.push(tokio::spawn(requests(Arc::clone(person), number, Arc::clone(&tally))));
            if has_more(number) {
                tasks.push(tokio::spawn(terminal(Arc::clone(person), Arc::clone(&tally))));
                tasks.push(tokio::spawn(events(Arc::clone(person), Arc::clone(&tally))));
                open += 2;
            }
        }
        let people = Self { all, open, tally, tasks };
        people.work_well().await;
        people
    }

    /// From now on it is counted.
    pub(crate) fn mark(&self) -> Mark {
        Mark { at: Instant::now(), before: lock(&self.tally).clone() }
    }

    /// Waits until everybody has done one thing of each kind without anything going wrong, and every terminal and
    /// event stream is open.
    pub(crate) async fn work_well(&self) {
        lock(&self.tally).in_a_row.fill(0);
        let deadline = Instant::now() + AT_WORK_AGAIN;
        loop {
            {
                let tally = lock(&self.tally);
                if tally.open == self.open && tally.in_a_row.iter().all(|count| *count >= ROUND) {
                    return;
                }
                assert!(Instant::now() < deadline, "{} open, {:?}", tally.open, tally.failed.last());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What came of a fault, once everybody works well again.
    pub(crate) async fn outcome(&self, mark: &Mark) -> Outcome {
        self.work_well().await;
        let (now, before) = (lock(&self.tally).clone(), &mark.before);
        let (failed, ended) = (&now.failed[before.failed.len()..], &now.ended[before.ended.len()..]);
        let last = failed.last().map(|(at, ..)| *at).max(now.reopened.filter(|_| !ended.is_empty()));
        Outcome {
            asked: now.asked - before.asked,
            failed: failed.len(),
            failed_in_place: failed.iter().filter(|(_, kept, _)| *kept).count(),
            signed_out: now.signed_out - before.signed_out,
            open: self.open,
            ended: ended.len(),
            told: ended.iter().filter(|(_, told)| *told).count(),
            lasted: last.map_or(Duration::ZERO, |last| last.saturating_duration_since(mark.at)),
            why: failed.iter().map(|(at, kept, why)| format!("{:?} {kept} {why}", *at - mark.at)).collect(),
        }
    }

    /// The references of all denials that they were told of.
    pub(crate) fn denied(&self) -> Vec<String> {
        lock(&self.tally).denied.clone()
    }
}

impl Drop for People {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, failed, failed_in_place, signed_out, open, ended, told, lasted, why } = self;
        write!(
            f,
            "{failed} of {asked} failed ({failed_in_place} in place), {signed_out} signed out, {ended} of {open} ended \
             ({told} told), {lasted:?}: {why:#?}"
        )
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn requests(person: Arc<Person>, number: usize, tally: Arc<Mutex<Tally>>) {
    for turn in number.. {
        let did = timeout(PATIENCE, person.does(turn)).await;
        {
            let mut tally = lock(&tally);
            tally.asked += 1;
            tally.in_a_row[number] += 1;
            let wrong = match did {
                Ok(Ok(Did::Answered)) => None,
                Ok(Ok(Did::Denied(reference))) => {
                    tally.denied.push(reference);
                    None
                }
                Ok(Ok(Did::SignedOut)) => {
                    tally.signed_out += 1;
                    Some("signed out".to_owned())
                }
                Ok(Err(error)) => Some(format!("{error:#}")),
                Err(_) => Some("no answer".to_owned()),
            };
            if let Some(wrong) = wrong {
                tally.failed.push((Instant::now(), turn % 4 != 3, wrong));
                tally.in_a_row[number] = 0;
            }
        }
        sleep(PAUSE).await;
    }
}

/// Types into a terminal; opens it again when it has ended.
async fn terminal(person: Arc<Person>, tally: Arc<Mutex<Tally>>) {
    let token = person.panel.url.path().split('/').nth(1).unwrap_or_default();
    let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
    loop {
        let shaken = timeout(PATIENCE, person.browser.shake(Http::One, &person.panel, &address, &[])).await;
        if let Ok(Ok(shaken)) = shaken
            && let Ok(mut socket) = shaken.opened()
        {
            begun(&tally);
            let said = loop {
                if socket.send(Message::text("uptime\n")).await.is_err() {
                    break false;
                }
                match timeout(PATIENCE, socket.next()).await {
                    Ok(Ok(Some(Message::Close(frame)))) => {
                        break frame.is_some_and(|frame| u16::from(frame.code) == GOING_AWAY);
                    }
                    Ok(Ok(Some(_))) => {}
                    Ok(Ok(None) | Err(_)) | Err(_) => break false,
                }
                sleep(PAUSE).await;
            };
            over(&tally, said);
        }
        sleep(PAUSE).await;
    }
}

/// Reads an event stream; opens it again when it has ended.
async fn events(person: Arc<Person>, tally: Arc<Mutex<Tally>>) {
    let Ok(url) = person.panel.resolve("scripts/events.stream") else { return };
    loop {
        let ask = Ask::get(Errand::Fetch, url.as_str()).by(&person.panel);
        if let Ok(Ok(answer)) = timeout(PATIENCE, person.browser.stream(ask)).await
            && answer.status() == 200
        {
            begun(&tally);
            let mut body = answer.into_body();
            while let Ok(Some(Ok(_))) = timeout(PATIENCE, body.frame()).await {}
            over(&tally, false);
        }
        sleep(PAUSE).await;
    }
}

fn begun(tally: &Mutex<Tally>) {
    let mut tally = lock(tally);
    tally.open += 1;
    tally.reopened = Some(Instant::now());
}

fn over(tally: &Mutex<Tally>, said: bool) {
    let mut tally = lock(tally);
    tally.open -= 1;
    tally.ended.push((Instant::now(), said));
}
