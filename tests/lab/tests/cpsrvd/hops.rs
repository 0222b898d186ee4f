//! Behaviours 50 and 51: hops between services.

use lab::cpsrvd::AccountLoginAccess;

use super::client::*;

#[tokio::test]
async fn b50_from_whm_to_cpanel() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    for ask in [root.get("/xfercpanel/alice"), root.post("/xfercpanel", "user=alice")] {
        let reply = ask.send(&double).await;
        let target = reply.assert(307, "Moved").header("Location").unwrap();
        assert!(target.starts_with(&format!("https://{HOSTNAME}:2083/cpsess")), "{target}");
        assert_eq!(reply.header("Set-Cookie"), None);
        let url = path_of(target);
        let login = get(Cpaneld, &url).send(&double).await;
        let alice = Visitor::after(Cpaneld, &url, login.assert(307, "Moved"));
        assert_ne!(alice.token, root.token);
        assert!(alice.is_in(&double).await && root.is_in(&double).await);
        get(Cpaneld, &url).send(&double).await.assert(401, "Token Denied");
    }
    let hopped = double.sessions().pop().unwrap();
    assert_eq!((&*hopped.user, &*hopped.creator, &*hopped.method), ("alice", "root", "xfercpanel"));

    let support = visitor(&double, Whostmgrd, "support").await;
    support.get("/xfercpanel/alice").send(&double).await.assert(403, "Forbidden");
    support.get("/xfercpanel/bob").send(&double).await.assert(307, "Moved");
    let own = visitor(&double, Cpaneld, "support").await;
    own.get("/xfercpanel/bob").send(&double).await.assert(307, "Moved");
    root.get("/xfercpanel").send(&double).await.assert(400, "Bad Request");
    double.switch(|switches| switches.account_login_access = AccountLoginAccess::User);
    root.get("/xfercpanel/alice").send(&double).await.assert(403, "Forbidden");

    double.switch(|switches| switches.hops = false);
    let page = root.get("/xfercpanel/alice").send(&double).await;
    assert!(page.assert(200, "OK").text().contains("The session could not be transferred because"));
}

#[tokio::test]
async fn b51_from_cpanel_to_webmail() {
    let double = double().await;
    let alice = visitor(&double, Cpaneld, "alice").await;
    let call = "/execute/Session/create_webmail_session_for_mail_user?login=info&domain=alice.example";
    let data = alice.get(call).send(&double).await.json()["data"].clone();
    let (session, token) = (data["session"].as_str().unwrap(), data["token"].as_str().unwrap());
    assert!(session.starts_with("info@alice.example:") && session.contains(":CREATE_WEBMAIL_SESSION_FOR_MAIL_USER,"));
    assert_eq!(data["hostname"], serde_json::Value::Null);
    let (login, form) = (format!("{token}/login/"), format!("session={}", session.replace('@', "%40")));
    // It is posted, not asked for.
    get(Webmaild, format!("{login}?{form}")).send(&double).await.assert(401, "Token Denied");
    let reply = post(Webmaild, &login, &form).send(&double).await;
    let mail = Visitor::after(Webmaild, &login, reply.assert(307, "Moved"));
    assert!(mail.is_in(&double).await);
    post(Webmaild, &login, &form).send(&double).await.assert(401, "Token Denied");

    // A session can be bound to an address that the caller names.
    let bound = alice.get(&format!("{call}&remote_address=192.0.2.9")).send(&double).await.json()["data"].clone();
    let login = format!("{}/login/", bound["token"].as_str().unwrap());
    let reply = post(Webmaild, &login, &format!("session={}", bound["session"].as_str().unwrap())).send(&double).await;
    let elsewhere = Visitor::after(Webmaild, &login, &reply);
    assert!(!elsewhere.is_in(&double).await);
    assert!(double.sessions().iter().any(|session| session.address.to_string() == "192.0.2.9"));

    for foreign in ["login=sales&domain=bob.example", "login=none&domain=alice.example"] {
        let path = format!("/execute/Session/create_webmail_session_for_mail_user?{foreign}");
        assert_eq!(alice.get(&path).send(&double).await.json()["status"], 0);
    }
    let page = alice.get("/frontend/jupiter/mail/webmail.html?user=info%40alice.example").send(&double).await.text();
    assert!(page.contains(&format!("action=\"https://{HOSTNAME}:2096/cpsess")));
    let temp = alice.get("/execute/Session/create_temp_user").send(&double).await.json();
    assert!(temp["data"]["session_temp_user"].as_str().unwrap().starts_with("cpses_"));
}
