//! One suite, held against both databases: what the store promises does not depend on which it is.

use std::path::Path;

use lab::postgres::Postgres;
use secrecy::SecretString;

use super::*;
use crate::model::Timestamp;

/// A database of a test's own, of one kind or the other.
pub(super) enum Bench {
    File(tempfile::TempDir),
    Server(SecretString),
}

impl Bench {
    /// One more process on it.
    pub(super) async fn store(&self) -> Store {
        match self {
            Self::File(folder) => Store::open(&file_in(folder.path())).await.unwrap(),
            Self::Server(address) => Store::connect(address, 4).await.unwrap(),
        }
    }
}

pub(super) fn file_in(folder: &Path) -> std::path::PathBuf {
    folder.join("panelgate.db")
}

pub(super) fn a_record(key: u8, owner: Option<Key>, expires_at: u64) -> Record {
    Record {
        purpose: Purpose::Session,
        key: [key; 32],
        owner,
        marks: [Some([key; 32]), None],
        expires_at: Timestamp(expires_at),
        sealed: vec![key; 3],
        label: vec![key],
    }
}

/// Each case as a test of its own on SQLite, and all of them on one PostgreSQL server, which takes its time
/// to start.
macro_rules! on_both {
    ($(async fn $name:ident($bench:ident: &Bench) $body:block)*) => {
        $(async fn $name($bench: &Bench) $body)*

        mod sqlite {
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                super::$name(&Bench::File(tempfile::tempdir().unwrap())).await;
            })*
        }

        #[tokio::test]
        async fn postgres_keeps_the_same_promises() {
            let server = Postgres::start().await.unwrap();
            $({
                server.create(stringify!($name)).await.unwrap();
                $name(&Bench::Server(server.url(stringify!($name)).into())).await;
            })*
            server.create("away").await.unwrap();
            a_database_that_is_away_is_told_and_comes_back(server).await;
        }
    };
}

on_both! {
    async fn a_record_is_there_until_it_expires_or_is_taken(bench: &Bench) {
        let store = bench.store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        assert!(store.get(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().is_some());
        assert!(store.get(Purpose::Session, &[1; 32], Timestamp(100)).await.unwrap().is_none());
        assert!(store.get(Purpose::Handoff, &[1; 32], Timestamp(99)).await.unwrap().is_none());
        assert_eq!(store.take(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().unwrap().sealed, [1, 1, 1]);
        assert!(store.take(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().is_none());
    }

    async fn a_session_takes_along_what_it_owns(bench: &Bench) {
        let store = bench.store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(2, Some([1; 32]), 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(3, None, 100), 9, Timestamp(0)).await.unwrap();
        store.remove_with_owned(Purpose::Session, &[1; 32]).await.unwrap();
        for (key, there) in [(1, false), (2, false), (3, true)] {
            let found = store.get(Purpose::Session, &[key; 32], Timestamp(0)).await.unwrap();
            assert_eq!(found.is_some(), there, "{key}");
        }
    }

    async fn a_record_is_found_by_its_mark_and_takes_new_contents(bench: &Bench) {
        let store = bench.store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(2, None, 100), 9, Timestamp(0)).await.unwrap();
        let marked = store.marked(Purpose::Session, &[1; 32], Timestamp(0)).await.unwrap();
        assert_eq!(
            marked.iter().map(|found| (found.key, found.label.clone())).collect::<Vec<_>>(),
            [([1; 32], vec![1])]
        );
        assert!(store.marked(Purpose::Session, &[1; 32], Timestamp(100)).await.unwrap().is_empty());
        assert!(store.replace(Purpose::Session, &[1; 32], b"new").await.unwrap());
        assert!(!store.replace(Purpose::Session, &[3; 32], b"new").await.unwrap());
        let found = store.get(Purpose::Session, &[1; 32], Timestamp(0)).await.unwrap().unwrap();
        assert_eq!((found.sealed.as_slice(), found.label.as_slice()), (&b"new"[..], &[1][..]));
        assert_eq!(store.labelled(Purpose::Session, Timestamp(0)).await.unwrap().len(), 2);
    }

    async fn what_may_be_there_once_is_written_once(bench: &Bench) {
        let store = bench.store().await;
        assert!(store.put_once(&a_record(1, None, 100), 1, Timestamp(0)).await.unwrap());
        assert!(!store.put_once(&a_record(1, None, 100), 1, Timestamp(0)).await.unwrap());
        assert!(store.put_once(&a_record(2, None, 100), 1, Timestamp(0)).await.is_err(), "the bound holds");
    }

    async fn of_what_an_owner_has_one_may_be_left(bench: &Bench) {
        let store = bench.store().await;
        for key in [2, 3, 4] {
            store.put_bounded(&a_record(key, Some([1; 32]), 100), 9, Timestamp(0)).await.unwrap();
        }
        store.remove_owned_but(Purpose::Session, &[1; 32], &[3; 32]).await.unwrap();
        let left = store.labelled(Purpose::Session, Timestamp(0)).await.unwrap();
        assert_eq!(left.iter().map(|found| found.key).collect::<Vec<_>>(), [[3; 32]]);
    }

    async fn an_owner_has_a_bound_of_its_own(bench: &Bench) {
        let store = bench.store().await;
        let (one, two) = (Some([1; 32]), Some([2; 32]));
        store.put_owned(&a_record(3, one, 100), 1, Timestamp(0)).await.unwrap();
        assert!(store.put_owned(&a_record(4, one, 100), 1, Timestamp(0)).await.is_err());
        store.put_owned(&a_record(5, two, 100), 1, Timestamp(0)).await.unwrap();
        store.put_owned(&a_record(4, one, 200), 1, Timestamp(100)).await.unwrap();
    }

    async fn a_record_turns_into_another_once_in_time_and_within_the_bound(bench: &Bench) {
        let store = bench.store().await;
        let owner = Some([1; 32]);
        let turn = async |from: u8, into: u8, now| {
            let into = a_record(into, owner, 200);
            store.turn((Purpose::Session, &[from; 32]), &into, 2, Timestamp(now)).await
        };
        store.put_owned(&a_record(2, None, 100), 9, Timestamp(0)).await.unwrap();
        assert!(turn(2, 3, 99).await.unwrap());
        assert!(!turn(2, 4, 99).await.unwrap(), "it is gone");
        let found = store.get(Purpose::Session, &[3; 32], Timestamp(199)).await.unwrap().unwrap();
        assert_eq!((found.owner, found.sealed, found.marks[0], found.label), (owner, vec![3; 3], Some([3; 32]), vec![3]));
        store.put_owned(&a_record(5, None, 100), 9, Timestamp(0)).await.unwrap();
        assert!(!turn(5, 6, 100).await.unwrap(), "it has expired");
        store.put_owned(&a_record(7, owner, 200), 9, Timestamp(0)).await.unwrap();
        store.put_owned(&a_record(8, None, 200), 9, Timestamp(0)).await.unwrap();
        assert!(matches!(turn(8, 9, 99).await, Err(StoreError::Full(Purpose::Session))), "the bound holds");
        assert!(store.get(Purpose::Session, &[8; 32], Timestamp(99)).await.unwrap().is_some(), "and it stays");
    }

    async fn a_bound_counts_what_has_not_expired(bench: &Bench) {
        let store = bench.store().await;
        store.put_bounded(&a_record(1, None, 10), 1, Timestamp(0)).await.unwrap();
        let full = store.put_bounded(&a_record(2, None, 100), 1, Timestamp(5)).await;
        assert!(matches!(full, Err(StoreError::Full(Purpose::Session))));
        store.put_bounded(&a_record(2, None, 100), 1, Timestamp(10)).await.unwrap();
        assert_eq!(store.sweep(Timestamp(10)).await.unwrap(), 1);
    }

    async fn a_lease_has_one_holder_until_it_is_given_back_or_runs_out(bench: &Bench) {
                let store = bench.store().await;
        let (name, one, two) = ([1; 32], [2; 32], [3; 32]);
        let take = |holder, until, now| store.lease(&name, holder, Timestamp(until), Timestamp(now));
        assert!(take(&one, 10, 0).await.unwrap());
        assert!(!take(&two, 19, 9).await.unwrap());
        assert!(take(&one, 20, 9).await.unwrap(), "its holder prolongs it");
        assert!(!take(&two, 30, 19).await.unwrap());
        assert!(take(&two, 30, 20).await.unwrap());
        store.release(&name, &one).await.unwrap();
        assert!(!take(&one, 40, 21).await.unwrap(), "only its holder gives it back");
        store.release(&name, &two).await.unwrap();
        assert!(take(&one, 40, 21).await.unwrap());
    }

    async fn notices_are_read_once_and_in_order_by_every_process(bench: &Bench) {

        let (one, two) = (bench.store().await, bench.store().await);
        let start = two.newest_notice().await.unwrap();
        one.give_notice("ended", b"a", Timestamp(0)).await.unwrap();
        let last = one.give_notice("ended", b"b", Timestamp(0)).await.unwrap();
        for store in [&one, &two] {
            let read = store.notices_after(start).await.unwrap();
            assert_eq!(read.iter().map(|notice| notice.body.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
            assert!(store.notices_after(last).await.unwrap().is_empty());
        }
        one.sweep(Timestamp::default().plus(NOTICE_LIFETIME)).await.unwrap();
        assert!(two.notices_after(0).await.unwrap().is_empty());
        let next = two.give_notice("ended", b"c", Timestamp(0)).await.unwrap();
        assert!(next > last, "a number is not used again");
    }

    async fn what_was_written_is_there_after_reopening(bench: &Bench) {
        let store = bench.store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        store.close().await;
        let store = bench.store().await;
        assert!(store.extend(Purpose::Session, &[1; 32], Timestamp(200)).await.unwrap());
        assert!(!store.extend(Purpose::Session, &[2; 32], Timestamp(200)).await.unwrap());
        assert_eq!(store.count(Purpose::Session, Timestamp(199)).await.unwrap(), 1);
    }

    async fn of_many_who_take_a_record_one_gets_it(bench: &Bench) {
        let (one, two) = (bench.store().await, bench.store().await);
        for round in 0..10 {
            one.put_bounded(&a_record(round, None, 100), 99, Timestamp(0)).await.unwrap();
            let key = [round; 32];
            let take = |store: &Store| {
                let store = store.clone();
                async move { store.take(Purpose::Session, &key, Timestamp(0)).await.unwrap().is_some() }
            };
            let taken = futures_util::future::join_all([take(&one), take(&two), take(&one), take(&two)]).await;
            assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);
        }
    }

    async fn of_many_who_turn_a_record_into_another_one_is_told_so(bench: &Bench) {
        let (one, two) = (bench.store().await, bench.store().await);
        for round in 0..10 {
            one.put_bounded(&a_record(round, None, 100), 99, Timestamp(0)).await.unwrap();
            let turn = |store: &Store, number: u8| {
                let (store, into) = (store.clone(), a_record(100 + round * 4 + number, Some([1; 32]), 100));
                async move {
                    store.turn((Purpose::Session, &[round; 32]), &into, 99, Timestamp(0)).await.unwrap()
                }
            };
            let turns = [turn(&one, 0), turn(&two, 1), turn(&one, 2), turn(&two, 3)];
            let turned = futures_util::future::join_all(turns).await;
            assert_eq!(turned.into_iter().filter(|turned| *turned).count(), 1);
        }
    }

    async fn of_many_who_want_a_lease_one_has_it(bench: &Bench) {
        let (one, two) = (bench.store().await, bench.store().await);
        let want = |store: &Store, holder: u8| {
            let store = store.clone();
            async move { store.lease(&[9; 32], &[holder; 32], Timestamp(10), Timestamp(0)).await.unwrap() }
        };
        let had = futures_util::future::join_all([want(&one, 1), want(&two, 2), want(&one, 3), want(&two, 4)]).await;
        assert_eq!(had.into_iter().filter(|had| *had).count(), 1);
    }

    async fn processes_that_start_together_make_the_tables_once(bench: &Bench) {
        let stores = futures_util::future::join_all((0..4).map(|_| bench.store())).await;
        for store in &stores {
            assert_eq!(store.count(Purpose::Session, Timestamp(0)).await.unwrap(), 0);
        }
    }

    async fn what_an_older_release_wrote_is_taken_over_and_it_goes_on_meanwhile(bench: &Bench) {
        Box::pin(older::is_brought_up_to_date(bench)).await;
    }

    async fn no_notice_comes_after_a_later_one(bench: &Bench) {
        let (one, two) = (bench.store().await, bench.store().await);
        let giving = |store: Store| async move {
            for _ in 0..25 {
                store.give_notice("ended", b"x", Timestamp(0)).await.unwrap();
            }
        };
        let all = async {
            tokio::join!(giving(one.clone()), giving(two.clone()), giving(one.clone()));
        };
        let reading = async {
            let (mut last, mut read) = (0, 0);
            while read < 75 {
                for notice in two.notices_after(last).await.unwrap() {
                    assert!(notice.id > last);
                    (last, read) = (notice.id, read + 1);
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(Box::pin(all), Box::pin(reading));
    }

    async fn the_bell_rings_for_a_notice(bench: &Bench) {
        let store = bench.store().await;
        let mut bell = store.bell();
        bell.mark_unchanged();
        store.give_notice("ended", b"x", Timestamp(0)).await.unwrap();
        bell.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(folder.path());
    let store = Store::open(&path).await.unwrap();
    let database::Pool::Sqlite(pool) = &store.pool else { panic!("a file") };
    sqlx::raw_sql("PRAGMA user_version = 99").execute(pool).await.unwrap();
    store.close().await;
    assert!(matches!(Store::open(&path).await, Err(StoreError::Newer { found: 99, .. })));
}

/// The rest of what only a server can do, in one test with the above because a server takes its time.
async fn a_database_that_is_away_is_told_and_comes_back(mut server: Postgres) {
    let address: SecretString = server.url("away").into();
    let (one, two) = (Store::connect(&address, 3).await.unwrap(), Store::connect(&address, 3).await.unwrap());
    // Another process's notice rings the bell here.
    let mut bell = two.bell();
    let heard = async {
        while two.notices_after(0).await.unwrap().is_empty() {
            bell.changed().await.unwrap();
        }
    };
    let given = async {
        one.give_notice("ended", b"x", Timestamp(0)).await.unwrap();
    };
    tokio::join!(Box::pin(heard), Box::pin(given));
    one.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();

    server.kill().await.unwrap();
    let began = std::time::Instant::now();
    assert!(one.get(Purpose::Session, &[1; 32], Timestamp(0)).await.is_err());
    assert!(began.elapsed() < database::PATIENCE * 2);
    server.resume().await.unwrap();
    assert!(one.get(Purpose::Session, &[1; 32], Timestamp(0)).await.unwrap().is_some(), "nothing acknowledged is lost");

    // Read-only, as a replica that was not promoted is.
    server.ask("postgres", "ALTER DATABASE away SET default_transaction_read_only = on").await.unwrap();
    let reader = Store::connect(&address, 3).await;
    assert!(reader.is_err() || reader.unwrap().put_bounded(&a_record(2, None, 9), 9, Timestamp(0)).await.is_err());
    server.ask("postgres", "ALTER DATABASE away RESET default_transaction_read_only").await.unwrap();

    server.ask("away", "INSERT INTO layout VALUES (99)").await.unwrap();
    assert!(matches!(Store::connect(&address, 3).await, Err(StoreError::Newer { found: 99, .. })));
    let wrong: SecretString = server.url("away").replace("password-0", "password-1").into();
    assert!(matches!(Store::connect(&wrong, 3).await, Err(StoreError::Connect(_))));
    assert!(matches!(Store::connect(&"not an address".to_owned().into(), 3).await, Err(StoreError::Address(_))));
}
