//! What the vault promises, on a database.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use super::*;
use crate::model::SpkiPin;
use crate::model::SystemClock;
use crate::model::Trust;
use crate::store::Purpose;
use crate::store::Store;

const TOKEN: &str = "UWU28DCA23NKY76CN17MDPKM3O7EFQY8";

fn key(byte: u8) -> MasterKey {
    MasterKey::parse(&STANDARD.encode([byte; 32]).into()).unwrap()
}

fn vault(store: &Store, current: u8, former: &[u8]) -> Vault {
    let keys = MasterKeys::new(key(current), former.iter().copied().map(key).collect());
    Vault::new(store.clone(), keys, Arc::new(SystemClock), Arc::new(SystemRandom::new()))
}

fn pinned(server: &str, account: &str, pin: u8) -> Binding {
    let trust = Trust::Pins(vec![SpkiPin([pin; 32])]);
    Binding::new(&server.parse().unwrap(), &"h.example".parse().unwrap(), &account.parse().unwrap(), &trust)
}

fn contents(token: &str) -> Contents {
    Contents { token: token.into(), name: Some("panelgate".into()), expires_at: None, next: None, rotation: None }
}

async fn a_store(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("panelgate.db")).await.unwrap()
}

#[tokio::test]
async fn a_token_is_given_out_for_its_server_account_and_pins_only() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&a_store(&folder).await, 1, &[]);
    vault.add(&pinned("web1", "root", 1), contents(TOKEN)).await.unwrap();
    let entry = vault.open(&pinned("web1", "root", 1)).await.unwrap();
    assert_eq!(entry.contents.token.expose_secret(), TOKEN);
    for (wrong, said) in [
        (pinned("web1", "support", 1), "the account \"support\" where the token was stored for \"root\""),
        (pinned("web1", "root", 2), "the trust \"pins sha256/AgIC"),
    ] {
        let error = vault.open(&wrong).await.unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("panelgate vault rebind web1"), "{error}");
    }
    let missing = vault.open(&pinned("web2", "root", 1)).await.unwrap_err();
    assert_eq!(missing.to_string(), "the vault has no token of web2: store one with `panelgate vault set web2`");
    assert!(matches!(vault.add(&pinned("web1", "root", 1), contents("X")).await, Err(TokenError::Exists(_))));
}

#[tokio::test]
async fn a_record_that_was_moved_or_edited_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = a_store(&folder).await;
    let vault = vault(&store, 1, &[]);
    let (one, two) = (pinned("web1", "root", 1), pinned("web2", "root", 1));
    vault.add(&one, contents(TOKEN)).await.unwrap();
    vault.add(&two, contents("OTHER")).await.unwrap();
    let records = store.all(Purpose::ApiToken, crate::model::Timestamp(0)).await.unwrap();
    assert_eq!(records.len(), 2);
    let text = |raw: &[u8]| String::from_utf8(raw.to_vec()).unwrap();
    for record in &records {
        assert!(!text(&record.sealed).contains(TOKEN), "sealed");
    }
    let [first, second] = records.as_slice() else { panic!("two were written") };
    // Moved to the other's place.
    assert!(store.exchange(Purpose::ApiToken, &first.key, &first.sealed, &second.sealed).await.unwrap());
    let server = if text(&first.sealed).contains("web1") { &one } else { &two };
    assert!(matches!(vault.open(server).await, Err(TokenError::Altered(_))));
    // Edited: each fact counts.
    for (was, is) in
        [("web", "wab"), ("root", "roto"), ("panelgate", "penalgate"), ("sha256", "sha652"), ("null", "1000")]
    {
        let edited = text(&first.sealed).replacen(was, is, 1);
        assert_ne!(edited.as_bytes(), first.sealed, "{was} stands in the record");
        let error = seal::open(&vault_keys(1), server.server(), edited.into_bytes()).unwrap_err();
        assert!(matches!(error, TokenError::Altered(_)), "{was}: {error}");
    }
    assert!(seal::open(&vault_keys(1), server.server(), first.sealed.clone()).is_ok());
}

fn vault_keys(byte: u8) -> MasterKeys {
    MasterKeys::new(key(byte), Vec::new())
}

#[tokio::test]
async fn of_two_changes_of_one_record_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&a_store(&folder).await, 1, &[]);
    let binding = pinned("web1", "root", 1);
    let entry = vault.add(&binding, contents(TOKEN)).await.unwrap();
    vault.change(&entry, &binding, contents("SECOND")).await.unwrap();
    let late = vault.change(&entry, &binding, contents("THIRD")).await.unwrap_err();
    assert!(matches!(late, TokenError::Overtaken(_)));
    assert_eq!(vault.open(&binding).await.unwrap().contents.token.expose_secret(), "SECOND");
}

#[tokio::test]
async fn a_master_key_is_changed_without_losing_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let store = a_store(&folder).await;
    let binding = pinned("web1", "root", 1);
    vault(&store, 1, &[]).add(&binding, contents(TOKEN)).await.unwrap();
    // With another key alone nothing opens, and the message says whose record it is and which key is missing.
    let error = vault(&store, 2, &[]).open(&binding).await.unwrap_err().to_string();
    assert!(
        error.contains("record of web1") && error.contains(&key(1).id()) && error.contains(&key(2).id()),
        "{error}"
    );
    let both = vault(&store, 2, &[1]);
    assert!(both.open(&binding).await.is_ok());
    let done = both.rekey().await.unwrap();
    assert_eq!((done.renewed, done.current, done.failed.len()), (1, 0, 0));
    let opened = vault(&store, 2, &[]).open(&binding).await.unwrap();
    assert_eq!(opened.contents.token.expose_secret(), TOKEN);
    assert_eq!(both.rekey().await.unwrap().current, 1);
    assert!(vault(&store, 1, &[]).list().await.unwrap()[0].closed.is_some());
}

#[test]
fn a_key_that_is_none_says_how_to_make_one() {
    for text in ["", "short", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
        let error = MasterKey::parse(&text.to_owned().into()).unwrap_err();
        assert!(error.to_string().contains("openssl rand -base64 32"));
    }
    assert_eq!(format!("{:?}", key(1)), format!("MasterKey({})", key(1).id()));
}
