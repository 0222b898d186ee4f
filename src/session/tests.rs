//! Sessions, entries, hand-offs and sign-ins under way, with a clock that is told the time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use futures_util::FutureExt as _;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::identity::Principal;
use crate::identity::RefreshGrant;
use crate::model::ClientAddr;
use crate::model::Clock;
use crate::model::IdpGroup;
use crate::model::Service;
use crate::model::Target;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::Entry;
use crate::session::EntryPlace;
use crate::session::Heard;
use crate::session::Lifetimes;
use crate::session::NewSession;
use crate::session::PendingLogins;
use crate::session::SecretDigits;
use crate::session::Session;
use crate::session::SessionError;
use crate::session::Sessions;
use crate::session::Ticket;
use crate::store::ServerKey;
use crate::store::Store;

const ISSUER: &str = "https://idp.example.com";
const IDLE: Duration = Duration::from_mins(30);
const NEARLY_IDLE: Duration = Duration::from_secs(30 * 60 - 1);
const ABSOLUTE: Duration = Duration::from_hours(10);
const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// A clock that stands still until it is moved.
#[derive(Debug)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

struct Bench {
    clock: Arc<Hand>,
    sessions: Sessions,
    folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let clock = Arc::new(Hand(AtomicU64::new(1_700_000_000_000)));
        let folder = tempfile::tempdir().unwrap();
        let sessions = registry(&clock, &folder, ServerKey::new([7; 32])).await;
        Self { clock, sessions, folder }
    }

    /// The same after a restart: nothing but the file is left.
    async fn restarted(self) -> Self {
        let sessions = registry(&self.clock, &self.folder, ServerKey::new([7; 32])).await;
        Self { sessions, ..self }
    }

    fn wait(&self, span: Duration) {
        self.clock.0.store(self.clock.now().plus(span).0, Ordering::Relaxed);
    }

    async fn begin(&self) -> (Token256, Arc<Session>) {
        self.sessions.begin(new_session("ann")).await.unwrap()
    }

    async fn lives(&self, token: &Token256) -> bool {
        self.sessions.lives(token).await.unwrap()
    }

    async fn used(&self, token: &Token256) -> bool {
        self.sessions.find(token).await.unwrap().is_some()
    }

    /// A code for the browser with this verifier, by way of a ticket.
    async fn code(&self, session: &Arc<Session>, verifier: &Token256) -> Token256 {
        let entry = entry(session);
        let ticket = self.sessions.ticket(session, &entry.place).await.unwrap();
        let ticket = self.sessions.shown(&ticket, session).await.unwrap().unwrap();
        self.sessions.hand_off(ticket, &entry, &landing(), verifier.digest()).await.unwrap().unwrap()
    }

    /// The cookie of an entry.
    async fn enter(&self, session: &Arc<Session>) -> Token256 {
        let verifier = token();
        let code = self.code(session, &verifier).await;
        let handoff = self.sessions.redeem(&code, &verifier, |_| true).await.unwrap().unwrap();
        self.sessions.admit(handoff).await.unwrap().unwrap()
    }

    async fn entered(&self, token: &Token256) -> bool {
        self.sessions.entry(token).await.unwrap().is_some()
    }
}

async fn registry(clock: &Arc<Hand>, folder: &TempDir, key: ServerKey) -> Sessions {
    let store = Store::open(&folder.path().join("test.db")).await.unwrap();
    let lifetimes = Lifetimes {
        idle: IDLE,
        absolute: ABSOLUTE,
        refresh: Duration::from_mins(5),
        grace: Duration::from_mins(15),
        store_grace: Duration::MAX,
    };
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(clock);
    Sessions::new(store, key, clock, Arc::new(SystemRandom::new()), lifetimes, 3).unwrap()
}

fn new_session(sub: &str) -> NewSession {
    NewSession {
        principal: Principal::for_test(sub, &["staff"]),
        id_token_hint: "id-token".to_owned().into(),
        sid: Some(format!("sid of {sub}")),
        refresh: None,
        client: ClientAddr("192.0.2.7:1".parse().unwrap()),
        browser: [3; 32],
    }
}

fn token() -> Token256 {
    Token256::random(&SystemRandom::new()).unwrap()
}

fn entry(session: &Arc<Session>) -> Entry {
    let place = EntryPlace {
        server: "web1".parse().unwrap(),
        service: Service::Whostmgrd,
        account: "root".parse().unwrap(),
        through: None,
    };
    Entry { session: Arc::clone(session), place, security_token: SecretDigits("1234567890".into()) }
}

fn landing() -> Target {
    Target::parse("/cpsess1234567890/").unwrap()
}

#[tokio::test]
async fn a_session_ends_when_it_was_idle_for_too_long() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    bench.wait(NEARLY_IDLE);
    assert!(bench.used(&token).await);
    bench.wait(NEARLY_IDLE);
    assert!(bench.used(&token).await, "use begins the idle time anew");
    bench.wait(IDLE);
    assert!(!bench.lives(&token).await);
    assert!(!bench.used(&token).await);
    assert!(session.ended().is_cancelled(), "what runs under it is cut");
}

#[tokio::test]
async fn who_types_into_a_terminal_uses_the_session() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let used = Notify::new();
    bench.wait(NEARLY_IDLE);
    used.notify_one();
    assert!(bench.sessions.keep_in_use(session, &used).now_or_never().is_none(), "it goes on with the session");
    bench.wait(NEARLY_IDLE);
    assert!(bench.used(&token).await);
}

#[tokio::test]
async fn asking_whether_it_lives_is_no_use_of_a_session() {
    let bench = Bench::new().await;
    let (token, _) = bench.begin().await;
    bench.wait(NEARLY_IDLE);
    assert!(bench.lives(&token).await);
    bench.wait(SECOND);
    assert!(!bench.used(&token).await);
}

#[tokio::test]
async fn a_session_ends_after_its_absolute_lifetime_whatever_is_done_in_it() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    let step = Duration::from_mins(20);
    for _ in 0..29 {
        bench.wait(step);
        assert!(bench.used(&token).await && bench.entered(&panel).await);
    }
    bench.wait(step);
    assert!(!bench.used(&token).await && !bench.entered(&panel).await);
    assert!(session.ended().is_cancelled());
}

#[tokio::test]
async fn the_same_lifetimes_hold_after_a_restart() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    bench.wait(NEARLY_IDLE);
    assert!(bench.entered(&panel).await);
    let bench = bench.restarted().await;
    // Of the last use, the file knows within a tenth of the idle time.
    bench.wait(Duration::from_mins(27));
    assert!(bench.entered(&panel).await && bench.used(&token).await);
    let bench = bench.restarted().await;
    bench.wait(IDLE);
    assert!(!bench.entered(&panel).await && !bench.lives(&token).await && !bench.used(&token).await);
}

#[tokio::test]
async fn a_session_of_another_server_key_is_none() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    let sessions = registry(&bench.clock, &bench.folder, ServerKey::new([8; 32])).await;
    let bench = Bench { sessions, ..bench };
    assert!(!bench.lives(&token).await && !bench.used(&token).await && !bench.entered(&panel).await);
}

#[tokio::test]
async fn an_entry_ends_with_its_session() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    bench.sessions.end(&session).await.unwrap();
    assert!(!bench.entered(&panel).await && !bench.used(&token).await);
    let bench = bench.restarted().await;
    assert!(!bench.entered(&panel).await && !bench.used(&token).await);
}

#[tokio::test]
async fn a_cookie_of_one_kind_is_none_of_another() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    assert!(!bench.used(&panel).await && !bench.entered(&token).await);
}

#[tokio::test]
async fn there_are_no_more_sessions_than_the_limit_allows() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.begin().await;
    }
    let another = bench.sessions.begin(new_session("ann")).await;
    assert!(matches!(another, Err(SessionError::Store(_))));
    // Those that have ended do not count.
    bench.wait(IDLE);
    bench.begin().await;
    assert_eq!(bench.sessions.sweep().await.unwrap(), 3);
}

#[tokio::test]
async fn what_runs_under_a_session_ends_when_its_time_is_over() {
    let bench = Bench::new().await;
    let (_, session) = bench.begin().await;
    bench.wait(IDLE.saturating_sub(Duration::from_secs(1)));
    bench.sessions.cut_expired().await;
    assert!(!session.ended().is_cancelled());
    bench.wait(Duration::from_secs(1));
    bench.sessions.cut_expired().await;
    assert!(session.ended().is_cancelled());
}

#[tokio::test]
async fn use_at_one_gateway_keeps_a_session_alive_at_another() {
    let bench = Bench::new().await;
    let (token, _) = bench.begin().await;
    let other = registry(&bench.clock, &bench.folder, ServerKey::new([7; 32])).await;
    let there = other.find(&token).await.unwrap().unwrap();
    for _ in 0..3 {
        bench.wait(IDLE / 2);
        assert!(bench.used(&token).await);
        other.cut_expired().await;
        assert!(!there.ended().is_cancelled());
    }
    // Asked at the other one itself, before it looks.
    bench.wait(IDLE / 2);
    assert!(bench.used(&token).await);
    bench.wait(IDLE / 2 + Duration::from_secs(1));
    assert!(other.lives(&token).await.unwrap());
    assert!(other.find(&token).await.unwrap().is_some());
    // Idle at both, it ends at both.
    bench.wait(IDLE);
    other.cut_expired().await;
    assert!(there.ended().is_cancelled());
    assert!(!bench.used(&token).await);
}

#[tokio::test]
async fn a_hand_off_works_once_in_time_in_its_browser_for_its_place() {
    let bench = Bench::new().await;
    let (_, session) = bench.begin().await;
    let (verifier, other) = (token(), token());
    let make = async || bench.code(&session, &verifier).await;
    let redeem = async |code: &Token256, verifier: &Token256, here: bool| {
        bench.sessions.redeem(code, verifier, |_| here).await.unwrap()
    };
    let code = make().await;
    bench.wait(Duration::from_secs(29));
    let (first, second) = (redeem(&code, &verifier, true).await, redeem(&code, &verifier, true).await);
    assert!(bench.sessions.admit(first.unwrap()).await.unwrap().is_some());
    assert!(bench.sessions.admit(second.unwrap()).await.unwrap().is_none(), "shown twice, spent once");
    assert!(redeem(&code, &verifier, true).await.is_none(), "a second time");
    let code = make().await;
    bench.wait(Duration::from_secs(30));
    assert!(redeem(&code, &verifier, true).await.is_none(), "too late");
    for (what, verifier, here) in [("another browser", &other, true), ("another place", &verifier, false)] {
        let code = make().await;
        assert!(redeem(&code, verifier, here).await.is_none(), "{what}");
        assert!(redeem(&code, verifier, true).await.is_none(), "spent by {what}");
    }
    let code = make().await;
    let unused = redeem(&code, &verifier, true).await;
    bench.sessions.spend_code(unused.unwrap()).await.unwrap();
    assert!(redeem(&code, &verifier, true).await.is_none(), "nothing came of it");
    let code = make().await;
    let early = redeem(&code, &verifier, true).await;
    bench.sessions.end(&session).await.unwrap();
    assert!(redeem(&code, &verifier, true).await.is_none(), "of a session that has ended");
    assert!(bench.sessions.admit(early.unwrap()).await.unwrap().is_none(), "the session has ended meanwhile");
}

#[tokio::test]
async fn a_ticket_works_once_in_time_in_its_session() {
    let bench = Bench::new().await;
    let ((_, session), (_, other)) = (bench.begin().await, bench.begin().await);
    let (entry, verifier) = (entry(&session), token());
    let make = async || bench.sessions.ticket(&session, &entry.place).await.unwrap();
    let show = async |ticket: &Token256, session: &Session| bench.sessions.shown(ticket, session).await.unwrap();
    let spend = async |ticket: Option<Ticket>| {
        let code = bench.sessions.hand_off(ticket.unwrap(), &entry, &landing(), verifier.digest()).await;
        code.unwrap().is_some()
    };
    let ticket = make().await;
    bench.wait(Duration::from_secs(29));
    let (first, second) = (show(&ticket, &session).await, show(&ticket, &session).await);
    assert_eq!(first.as_ref().map(|ticket| &ticket.place), Some(&entry.place));
    assert!(spend(first).await);
    assert!(!spend(second).await, "shown twice, spent once");
    assert!(show(&ticket, &session).await.is_none(), "a second time");
    let ticket = make().await;
    let late = show(&ticket, &session).await;
    bench.wait(Duration::from_secs(30));
    assert!(show(&ticket, &session).await.is_none(), "too late");
    assert!(spend(late).await, "shown in time, however long a server took to open");
    let ticket = make().await;
    assert!(show(&ticket, &other).await.is_none(), "in another session");
    assert!(show(&ticket, &session).await.is_none(), "spent by another session");
    let ticket = make().await;
    let unused = show(&ticket, &session).await;
    bench.sessions.spend(unused.unwrap()).await.unwrap();
    assert!(show(&ticket, &session).await.is_none(), "nothing came of it");
    let ticket = make().await;
    bench.sessions.end(&session).await.unwrap();
    assert!(show(&ticket, &session).await.is_none(), "of a session that has ended");
}

#[tokio::test]
async fn a_sign_in_is_taken_once_in_time_by_its_browser() {
    let bench = Bench::new().await;
    let store = Store::open(&bench.folder.path().join("test.db")).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&bench.clock);
    let pending = PendingLogins::new(store, ServerKey::new([7; 32]), clock, Duration::from_mins(10), (2, 9));
    let browser = token();
    let keep = async || {
        let state = token();
        pending.keep(ClientAddr(([192, 0, 2, 1], 1).into()), &browser, &state, &"login").await.map(|()| state)
    };
    let take = async |browser: &Token256, state: &Token256| pending.take::<String>(browser, state).await.unwrap();
    let state = keep().await.unwrap();
    bench.wait(Duration::from_secs(599));
    assert_eq!(take(&browser, &state).await.as_deref(), Some("login"));
    assert_eq!(take(&browser, &state).await, None, "a second time");
    let state = keep().await.unwrap();
    bench.wait(Duration::from_mins(10));
    assert_eq!(take(&browser, &state).await, None, "too late");
    let state = keep().await.unwrap();
    assert_eq!(take(&browser, &token()).await, None, "another state");
    assert_eq!(take(&token(), &state).await, None, "another browser");
    // As many as may be, and no more; those that are over do not count.
    keep().await.unwrap();
    keep().await.unwrap();
    assert!(keep().await.is_err());
    bench.wait(Duration::from_mins(10));
    keep().await.unwrap();
}

#[tokio::test]
async fn a_session_goes_on_with_a_new_sign_in_and_a_new_cookie() {
    let bench = Bench::new().await;
    let (old, session) = bench.begin().await;
    let panel = bench.enter(&session).await;
    let elsewhere = registry(&bench.clock, &bench.folder, ServerKey::new([7; 32])).await;
    elsewhere.listen().await.unwrap();
    assert!(elsewhere.lives(&old).await.unwrap());
    let known_elsewhere = elsewhere.find(&old).await.unwrap().unwrap();
    let mut again = new_session("ann");
    again.principal = Principal::for_test("ann", &["staff", "new"]);
    again.sid = Some("another".into());
    let new = bench.sessions.again(&session, again).await.unwrap().unwrap();
    assert_eq!(session.principal().groups().len(), 2);
    assert!(!bench.used(&old).await);
    assert!(bench.used(&new).await && bench.entered(&panel).await);
    // Other processes learn of it: of the person, and that the old cookie leads nowhere.
    elsewhere.hear().await.unwrap();
    assert_eq!(known_elsewhere.principal().groups().len(), 2);
    assert!(!elsewhere.lives(&old).await.unwrap() && elsewhere.lives(&new).await.unwrap());
    let named = async |sid| bench.sessions.named_by_provider(ISSUER, Some(sid), None).await.unwrap().len();
    assert_eq!((named("sid of ann").await, named("another").await), (0, 1), "the provider's newest session counts");
    let bench = bench.restarted().await;
    assert!(!bench.used(&old).await);
    assert!(bench.used(&new).await && bench.entered(&panel).await);
}

#[tokio::test]
async fn a_session_that_has_ended_does_not_go_on() {
    let bench = Bench::new().await;
    let (old, session) = bench.begin().await;
    bench.sessions.end(&session).await.unwrap();
    assert!(bench.sessions.again(&session, new_session("ann")).await.unwrap().is_none());
    assert!(!bench.lives(&old).await);
}

#[tokio::test]
async fn the_next_session_of_the_same_person_in_the_same_browser_has_the_same_security_tokens() {
    let bench = Bench::new().await;
    let mut tokens = Vec::new();
    for (sub, browser) in [("ann", 3), ("ann", 3), ("ann", 4), ("bob", 3)] {
        let new = NewSession { browser: [browser; 32], ..new_session(sub) };
        let (_, session) = bench.sessions.begin(new).await.unwrap();
        let place = entry(&session).place;
        tokens.push(session.security_token(&place).unwrap().0);
        bench.sessions.end(&session).await.unwrap();
    }
    assert_eq!(tokens[0], tokens[1]);
    assert!(tokens[0] != tokens[2] && tokens[0] != tokens[3] && tokens[2] != tokens[3]);
}

/// A session of which the provider is asked every five minutes, with fifteen more if it does not answer.
async fn renewable(bench: &Bench) -> (Token256, Arc<Session>) {
    bench.sessions.begin(NewSession { refresh: Some(RefreshGrant::for_test()), ..new_session("ann") }).await.unwrap()
}

#[tokio::test]
async fn one_asks_the_provider_at_a_time_over_all_processes() {
    let bench = Bench::new().await;
    let (token, session) = renewable(&bench).await;
    let elsewhere = registry(&bench.clock, &bench.folder, ServerKey::new([7; 32])).await;
    elsewhere.listen().await.unwrap();
    let there = elsewhere.find(&token).await.unwrap().unwrap();
    assert!(bench.sessions.due().is_empty());
    assert!(bench.sessions.begin_renewal(&session).await.unwrap().is_none(), "it is too early");
    bench.wait(5 * MINUTE);
    assert_eq!((bench.sessions.due().len(), elsewhere.due().len()), (1, 1));
    let renewal = bench.sessions.begin_renewal(&session).await.unwrap().expect("the lease");
    assert!(elsewhere.begin_renewal(&there).await.unwrap().is_none(), "somebody is at it");
    let before = bench.sessions.renewed(renewal, Principal::for_test("ann", &["other"])).await.unwrap();
    assert_eq!(before.groups(), [IdpGroup("staff".into())]);
    assert_eq!(session.principal().groups(), [IdpGroup("other".into())]);
    // The other process takes over what this one heard.
    assert_eq!(elsewhere.hear().await.unwrap(), [Heard::Renewed(session.id())]);
    assert_eq!(there.principal().groups(), [IdpGroup("other".into())]);
    assert!(elsewhere.due().is_empty() && elsewhere.begin_renewal(&there).await.unwrap().is_none());
}

#[tokio::test]
async fn a_process_that_missed_the_notice_finds_the_answer_before_it_asks() {
    let bench = Bench::new().await;
    let (token, session) = renewable(&bench).await;
    let elsewhere = registry(&bench.clock, &bench.folder, ServerKey::new([7; 32])).await;
    let there = elsewhere.find(&token).await.unwrap().unwrap();
    bench.wait(5 * MINUTE);
    let renewal = bench.sessions.begin_renewal(&session).await.unwrap().unwrap();
    bench.sessions.renewed(renewal, Principal::for_test("ann", &["other"])).await.unwrap();
    assert!(elsewhere.begin_renewal(&there).await.unwrap().is_none());
    assert_eq!(there.principal().groups(), [IdpGroup("other".into())]);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_waited_for_and_not_for_ever() {
    let bench = Bench::new().await;
    let (_, session) = renewable(&bench).await;
    for _ in 0..19 {
        bench.wait(MINUTE);
        if let Some(renewal) = bench.sessions.begin_renewal(&session).await.unwrap() {
            bench.sessions.put_off(renewal).await.unwrap();
        }
        assert!(!bench.sessions.is_overdue(&session), "requests do not wait for each attempt");
    }
    assert!(!bench.sessions.is_stale(&session));
    bench.wait(MINUTE);
    assert!(bench.sessions.is_stale(&session), "what was known twenty minutes ago is not known any more");
}

#[tokio::test]
async fn requests_wait_for_a_question_that_nobody_has_asked_for_long() {
    let bench = Bench::new().await;
    let (_, session) = renewable(&bench).await;
    bench.wait(5 * MINUTE + 29 * SECOND);
    assert!(!bench.sessions.is_overdue(&session));
    bench.wait(SECOND);
    assert!(bench.sessions.is_overdue(&session));
}

#[tokio::test]
async fn a_rotated_token_outlives_the_process_that_got_it() {
    let bench = Bench::new().await;
    let (token, session) = renewable(&bench).await;
    bench.wait(5 * MINUTE);
    let mut renewal = bench.sessions.begin_renewal(&session).await.unwrap().unwrap();
    let rotated = RefreshGrant::for_test();
    bench.sessions.keep(&mut renewal, rotated.clone()).await.unwrap();
    drop((renewal, session));
    let bench = bench.restarted().await;
    let session = bench.sessions.find(&token).await.unwrap().unwrap();
    // The lease of the process that is gone runs out.
    assert!(bench.sessions.begin_renewal(&session).await.unwrap().is_none());
    bench.wait(5 * MINUTE);
    let renewal = bench.sessions.begin_renewal(&session).await.unwrap().unwrap();
    assert!(renewal.grant().is(&rotated));
}

#[tokio::test]
async fn a_session_that_ends_in_one_process_ends_in_all() {
    let bench = Bench::new().await;
    let (token, session) = bench.begin().await;
    let elsewhere = registry(&bench.clock, &bench.folder, ServerKey::new([7; 32])).await;
    elsewhere.listen().await.unwrap();
    let there = elsewhere.find(&token).await.unwrap().unwrap();
    bench.sessions.end(&session).await.unwrap();
    assert!(!there.ended().is_cancelled());
    assert_eq!(elsewhere.hear().await.unwrap(), [Heard::Ended(session.id())]);
    assert!(there.ended().is_cancelled());
    assert!(elsewhere.hear().await.unwrap().is_empty());
}
