//! Behaviour 36: password logins, and cPHulk.

use super::client::*;

#[tokio::test]
async fn b36_password_logins() {
    let double = double().await;
    let login = |pass: &str| post(Cpaneld, "/login/?login_only=1", &format!("user=alice&pass={pass}"));
    let failed = login("wrong").send(&double).await;
    assert_eq!(failed.assert(401, "Access Denied").text(), r#"{"status":0,"message":"see_login_log"}"#);
    assert_eq!(failed.header("Content-Length"), Some("38"));
    assert!(failed.header("Content-Type").unwrap().starts_with("text/plain"));
    assert!(failed.cookie("cpsession").unwrap().starts_with("cpsession=%3a"));

    let reply = login("alice-password").send(&double).await;
    let answer = reply.assert(200, "OK").json();
    let token = answer["security_token"].as_str().unwrap();
    assert_eq!(answer["status"], 1);
    assert!(answer["redirect"].as_str().unwrap().starts_with(&format!("{token}/frontend/jupiter/index.html?")));
    let alice =
        Visitor { service: Cpaneld, token: token.to_owned(), cookie: reply.cookie("cpsession").unwrap().to_owned() };
    assert!(alice.is_in(&double).await);
    assert_eq!(double.sessions()[0].method, "handle_form_login");

    let reply = post(Cpaneld, "/login", "user=alice&pass=alice-password").send(&double).await;
    assert!(reply.assert(307, "Moved").header("Location").unwrap().starts_with("/cpsess"));
    let page = post(Cpaneld, "/login/", "user=alice&pass=wrong").send(&double).await;
    assert!(page.assert(401, "Access Denied").text().contains("The login is invalid."));
    post(Whostmgrd, "/login/?login_only=1", "user=alice&pass=alice-password")
        .send(&double)
        .await
        .assert(401, "Access Denied");

    double.switch(|switches| switches.two_factor = true);
    login("alice-password").send(&double).await.assert(401, "Access Denied");
    login("alice-password&tfa_token=271828").send(&double).await.assert(200, "OK");
}

#[tokio::test]
async fn b36_hulk_counts_per_address_and_per_account() {
    let double = double_with(|switches| switches.hulk_per_address = 2).await;
    let login = |user: &str, pass: &str| post(Cpaneld, "/login/?login_only=1", &format!("user={user}&pass={pass}"));
    for _ in 0..2 {
        login("alice", "wrong").send(&double).await.assert(401, "Access Denied");
    }
    login("bob", "bob-password").send(&double).await.assert(401, "Access Denied");
    let elsewhere = "127.200.1.2".parse().unwrap();
    login("bob", "bob-password").from(elsewhere).send(&double).await.assert(200, "OK");
    // Tokens are exempt.
    whm(&double, "version", "").await.assert(200, "OK");

    double.switch(|switches| {
        switches.hulk_per_address = 1000;
        switches.hulk_per_account = 2;
    });
    login("alice", "alice-password").from(elsewhere).send(&double).await.assert(401, "Access Denied");
    double.switch(|switches| switches.hulk = false);
    login("alice", "alice-password").send(&double).await.assert(200, "OK");
    double.switch(|switches| switches.hulk = true);
    double.clear_hulk();
    login("alice", "alice-password").send(&double).await.assert(200, "OK");
}
