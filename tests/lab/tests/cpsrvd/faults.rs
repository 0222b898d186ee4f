//! Behaviour 9: faults on demand.

use std::time::Duration;

use lab::cpsrvd::ConnectFault;
use lab::cpsrvd::Fault;

use super::client::*;

/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);

#[tokio::test]
async fn b09_faults_come_as_often_as_told_and_where_told() {
    let double = double().await;
    double.faults().inject("/json-api/create_user_session", 2, Fault::ServerError);
    assert_eq!(double.faults().pending(), 2);
    whm(&double, "version", "").await.assert(200, "OK");
    for _ in 0..2 {
        let reply = whm(&double, "create_user_session", "user=root&service=whostmgrd").await;
        reply.assert(500, "Internal Server Error");
        assert!(reply.header("Content-Type").unwrap().starts_with("text/html"));
    }
    assert!(double.sessions().is_empty());
    visitor(&double, Whostmgrd, "root").await;
    double.faults().inject("/", 1, Fault::Reset);
    double.faults().clear();
    whm(&double, "version", "").await.assert(200, "OK");
}

#[tokio::test]
async fn b09_faults_of_answers() {
    let double = double().await;
    let version = || whm(&double, "version", "");
    double.faults().inject("/json-api/", 1, Fault::Html);
    assert!(version().await.assert(200, "OK").text().contains("<html"));
    double.faults().inject("/json-api/", 1, Fault::ResultZero("busy".to_owned()));
    assert_eq!(version().await.json()["metadata"]["reason"], "busy");
    double.faults().inject("/json-api/", 1, Fault::Forbidden);
    version().await.assert(403, "Forbidden Access denied");

    double.faults().inject("/json-api/", 1, Fault::Trickle(Duration::from_millis(1)));
    assert_eq!(version().await.json()["metadata"]["result"], 1);
}

#[tokio::test]
async fn b09_stalls() {
    let double = double().await;
    let create = || whm(&double, "create_user_session", "user=root&service=whostmgrd");
    for pause in [Fault::Stall, Fault::LateAnswer] {
        double.faults().inject("/json-api/", 1, pause(Duration::from_millis(1)));
        create().await.assert(200, "OK");
    }
    double.forget();
    double.faults().inject("/json-api/", 1, Fault::Stall(LONG));
    tokio::select! {
        reply = create() => panic!("{reply:?}"),
        request = double.wait_for_request(|request| request.path().starts_with("/json-api/")) => drop(request.unwrap()),
    }
    assert!(double.session_log().is_empty(), "a stalled request is not carried out yet");
    double.faults().inject("/json-api/", 1, Fault::LateAnswer(LONG));
    tokio::select! {
        reply = create() => panic!("{reply:?}"),
        line = double.wait_for(|double| double.session_log().pop()) => drop(line.unwrap()),
    }
}

#[tokio::test]
async fn b09_faults_of_connections() {
    let double = double().await;
    let call = get(Whostmgrd, "/json-api/create_user_session?api.version=1&user=root&service=whostmgrd")
        .header("Authorization", format!("whm root:{}", double.token_for("root")));
    double.faults().inject("/json-api/", 1, Fault::Reset);
    assert!(call.try_send(&double).await.is_none());
    assert!(double.session_log().is_empty(), "a reset request is not carried out");
    double.faults().inject("/json-api/", 1, Fault::ResetMidBody);
    assert!(call.try_send(&double).await.is_none());
    assert_eq!(double.session_log().len(), 1, "a cut answer belongs to a request that was carried out");

    double.faults().inject("/json-api/", 1, Fault::Garbage);
    let mut connection = connect(&double, to(Whostmgrd)).await;
    connection.send(call.bytes()).await;
    while connection.more().await {}
    assert!(!connection.ahead.is_empty() && !connection.ahead.starts_with(b"HTTP"));

    double.faults().on_connect(1, ConnectFault::Reset);
    assert!(try_connect(&double, to(Whostmgrd)).await.is_err());
    double.faults().on_connect(1, ConnectFault::SlowHandshake(Duration::from_millis(1)));
    connect(&double, to(Whostmgrd)).await;
    double.faults().on_connect(1, ConnectFault::SlowHandshake(LONG));
    tokio::select! {
        _ = try_connect(&double, to(Whostmgrd)) => panic!("the handshake was not slow"),
        begun = double.wait_for(|double| (double.faults().pending() == 0).then_some(())) => begun.unwrap(),
    }
}

#[tokio::test]
async fn b09_refused_connections() {
    let double = double().await;
    let mut existing = connect(&double, to(Whostmgrd)).await;
    double.refuse_connections().await;
    for service in [Whostmgrd, Cpaneld, Webmaild] {
        let error = tcp(&double, to(service)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    existing.send(get(Whostmgrd, "/").bytes()).await;
    existing.reply("GET").await.unwrap().assert(200, "OK");
    double.accept_connections().await.unwrap();
    whm(&double, "version", "").await.assert(200, "OK");
}
