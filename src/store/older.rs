//! Upgrades, step by step: a database that an older release made, with what it wrote, under a release that came later.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePoolOptions;

use crate::model::Timestamp;
use crate::store::NOTICE_LIFETIME;
use crate::store::Purpose;
use crate::store::StoreError;
use crate::store::database::PATIENCE;
use crate::store::database::Pool;
use crate::store::database::changed;
use crate::store::database::on_either;
use crate::store::database::options;
use crate::store::database::pooled;
use crate::store::layout;
use crate::store::tests::Bench;
use crate::store::tests::a_record;
use crate::store::tests::file_in;

/// How a release writes a session that ends at 100, by the number of steps that it knows. Whoever appends a step
/// appends its statement.
const WRITES: &[&str] = &[
    "INSERT INTO records (purpose, key, owner, expires_at, sealed) VALUES ('session', $1, NULL, 100, $1)",
    "INSERT INTO records (purpose, key, owner, expires_at, sealed, mark, other_mark, label) \
     VALUES ('session', $1, NULL, 100, $1, $1, NULL, $1)",
];

/// A process of an older release: its connections, and how many steps it knows.
struct Older {
    pool: Pool,
    steps: usize,
}

impl Older {
    async fn new(bench: &Bench, steps: usize) -> Self {
        let pool = match bench {
            Bench::File(folder) => {
                let options = SqliteConnectOptions::new().filename(file_in(folder.path())).create_if_missing(true);
                Pool::Sqlite(SqlitePoolOptions::new().connect_with(options).await.unwrap())
            }
            Bench::Server(address) => Pool::Postgres(pooled(options(address).unwrap(), 2, PATIENCE).await.unwrap()),
        };
        Self { pool, steps }
    }

    async fn starts(&self) -> Result<(), StoreError> {
        layout::as_of(self.steps, &self.pool).await
    }

    async fn writes(&self, key: u8) {
        let statement = WRITES[self.steps - 1];
        let written = changed!(self, sqlx::query(statement).bind(vec![key; 32])).unwrap();
        assert_eq!(written, 1);
    }

    async fn reads(&self, key: u8) -> bool {
        const READ: &str = "SELECT count(*) FROM records WHERE purpose = 'session' AND key = $1 AND expires_at > 50";
        let found: i64 =
            on_either!(self, pool => sqlx::query_scalar(READ).bind(vec![key; 32]).fetch_one(pool)).unwrap();
        found == 1
    }

    /// Leaves an empty database behind.
    async fn ends(self, bench: &Bench) {
        match (self.pool, bench) {
            (Pool::Sqlite(pool), Bench::File(folder)) => {
                pool.close().await;
                for end in ["", "-wal", "-shm"] {
                    let file = file_in(folder.path()).with_extension(format!("db{end}"));
                    assert!(std::fs::remove_file(&file).is_ok() || !file.exists(), "{}", file.display());
                }
            }
            (Pool::Postgres(pool), Bench::Server(_)) => {
                sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").execute(&pool).await.unwrap();
                pool.close().await;
            }
            _ => panic!("the pool is the bench's own"),
        }
    }
}

/// From every layout that there ever was, this one included.
pub(super) async fn is_brought_up_to_date(bench: &Bench) {
    let known = usize::try_from(layout::known()).unwrap();
    assert_eq!(WRITES.len(), known, "each step has its statement");
    let now = Timestamp(50);
    for steps in 1..=known {
        let older = Older::new(bench, steps).await;
        older.starts().await.unwrap();
        older.writes(1).await;

        // Processes of this release start together, while the older one runs.
        let stores = futures_util::future::join_all((0..3).map(|_| bench.store())).await;
        for store in &stores {
            let found = store.get(Purpose::Session, &[1; 32], now).await.unwrap().unwrap();
            assert_eq!(found.sealed, [1; 32], "{steps}");
            assert!(store.extend(Purpose::Session, &[1; 32], Timestamp(200)).await.unwrap(), "{steps}");
        }
        let store = &stores[0];
        store.put_bounded(&a_record(2, None, 100), 9, now).await.unwrap();
        let marked = store.marked(Purpose::Session, &[2; 32], now).await.unwrap();
        assert_eq!(marked.len(), 1, "{steps}");
        store.give_notice("ended", b"x", now).await.unwrap();
        assert!(store.lease(&[1; 32], &[2; 32], Timestamp(100), now).await.unwrap());

        // What runs of the older release goes on: it writes what this one reads, and reads what this one writes.
        older.writes(3).await;
        assert!(store.get(Purpose::Session, &[3; 32], now).await.unwrap().is_some(), "{steps}");
        assert!(older.reads(1).await && older.reads(2).await, "{steps}");
        // It does not start again.
        let again = older.starts().await;
        let is_newer = |error: &StoreError| matches!(error, StoreError::Newer { .. });
        assert!(if steps == known { again.is_ok() } else { again.as_ref().is_err_and(is_newer) }, "{steps}: {again:?}");

        store.sweep(Timestamp::default().plus(NOTICE_LIFETIME)).await.unwrap();
        assert_eq!(
            store.count(Purpose::Session, now).await.unwrap(),
            0,
            "{steps}: what was over is swept, whoever wrote it"
        );
        for store in &stores {
            store.close().await;
        }
        older.ends(bench).await;
    }
}
