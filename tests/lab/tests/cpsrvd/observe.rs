//! Behaviours 59 and 60: what the double wrote down.

use super::client::*;

#[tokio::test]
async fn b59_logs() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let ask = root.get("/").header("Referer", "https://web1.example.com:2087/").header("User-Agent", "test \"1\"");
    let size = ask.send(&double).await.body.len();
    let line = double
        .wait_for(|double| double.access_log().into_iter().find(|line| line.contains("User") || line.contains("test")))
        .await
        .unwrap();
    let address = double.sessions()[0].address;
    let (start, rest) = line.split_once(" [").unwrap();
    let (date, rest) = rest.split_once("] ").unwrap();
    assert_eq!(start, format!("{address} - root"));
    assert!(date.len() == "11/22/2026:18:12:17 -0000".len() && date.ends_with(" -0000"), "{date}");
    let request = format!("GET {}/ HTTP/1.1", root.token);
    let expected =
        format!("\"{request}\" 200 {size} \"https://web1.example.com:2087/\" \"test \\\"1\\\"\" \"s\" \"-\" 2087");
    assert_eq!(rest, expected);
    let log = double.access_log().join("\n");
    assert!(log.contains("- root [") && log.contains("\"a\" \"-\" 2087"), "a call by token: {log}");

    let new = double.session_log()[0].clone();
    let (date, event) = new.split_once("] ").unwrap();
    assert!(date.starts_with('[') && date.ends_with(" +0000"));
    let (start, end) = event.split_once(" NEW root:").unwrap();
    assert_eq!(start, format!("info [cpsrvd] {address}"));
    let expected =
        format!("address={address},app=whostmgrd,creator=root,method=create_user_session,path=form,possessed=0");
    assert_eq!(end.split_once(' ').unwrap().1, expected);

    double.switch(|switches| switches.write_logs = false);
    double.forget();
    visitor(&double, Whostmgrd, "root").await;
    assert!(double.access_log().is_empty() && double.session_log().is_empty());
}

#[tokio::test]
async fn b60_requests_as_received() {
    let double = double().await;
    let body = "user=x&pass=y";
    let ask =
        post(Cpaneld, "/login/?a=%2F&b", body).header("x-OdD-Case", "1").header("X-Twice", "a").header("X-Twice", "b");
    let (recorded, reply) =
        tokio::join!(double.wait_for_request(|request| request.path() == "/login/"), ask.send(&double));
    reply.assert(401, "Access Denied");
    assert_eq!(recorded.unwrap().target, "/login/?a=%2F&b");
    let recorded = double
        .wait_for(|double| double.requests().into_iter().find(|request| request.status == Some(401)))
        .await
        .unwrap();
    let expected = [
        ("Host", "web1.example.com:2083"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("x-OdD-Case", "1"),
        ("X-Twice", "a"),
        ("X-Twice", "b"),
        ("Content-Length", "13"),
    ];
    assert_eq!(recorded.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((recorded.port, recorded.body_length, &*recorded.body), (2083, 13, body));
    assert_eq!((recorded.sni.as_deref(), recorded.method.as_str()), (Some(HOSTNAME), "POST"));
    let dump = serde_json::to_value(&recorded).unwrap();
    assert_eq!((&dump["service"], &dump["headers"][2][0]), (&"cpaneld".into(), &"x-OdD-Case".into()));

    let mut connection = connect(&double, to(Whostmgrd)).await;
    for _ in 0..2 {
        connection.send(get(Whostmgrd, "/cPanel_magic_revision_1/lab/dot.svg").bytes()).await;
        if connection.reply("GET").await.unwrap().closes() {
            connection = connect(&double, to(Whostmgrd)).await;
        }
    }
    assert!(recorded.connection < double.requests().last().unwrap().connection);

    double.forget();
    double.switch(|switches| switches.record_requests = false);
    get(Cpaneld, "/").send(&double).await;
    assert!(double.requests().is_empty());
}
