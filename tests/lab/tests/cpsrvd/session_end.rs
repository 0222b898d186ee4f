//! Behaviours 31 to 35 and 37: what ends or interrupts a session.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;

use lab::cpsrvd::CookieIpValidation;

use super::client::*;

const CHANGED: &str = "Your IP address has changed. Please log in again.";

/// Another address of the network that a client is in by default.
fn neighbour(double: &Double) -> IpAddr {
    let IpAddr::V4(own) = double.sessions()[0].address else { panic!("the lab uses IPv4") };
    IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() ^ 0x80))
}

#[tokio::test]
async fn b31_idle_sessions_die() {
    let double = double().await;
    assert_eq!(double.switches().idle_limit, Some(Duration::from_mins(15)));
    let root = visitor(&double, Whostmgrd, "root").await;
    assert!(root.is_in(&double).await);
    double.switch(|switches| switches.idle_limit = Some(Duration::ZERO));
    root.get("/").send(&double).await.assert(401, "Token Denied");
    assert!(double.sessions().is_empty());

    double.switch(|switches| switches.idle_limit = None);
    let root = visitor(&double, Whostmgrd, "root").await;
    assert!(root.is_in(&double).await);
    assert_eq!(double.drop_sessions_of("root"), 1);
    assert!(!root.is_in(&double).await);
}

#[tokio::test]
async fn b32_cookie_ip_validation() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let neighbour = neighbour(&double);
    let far = IpAddr::V4(Ipv4Addr::new(127, 200, 1, 1));
    for (validation, near_works, far_works) in [
        (CookieIpValidation::Strict, false, false),
        (CookieIpValidation::Loose, true, false),
        (CookieIpValidation::Disabled, true, true),
    ] {
        double.switch(|switches| switches.cookie_ip_validation = validation);
        for (address, works) in [(neighbour, near_works), (far, far_works)] {
            let reply = root.get("/").from(address).send(&double).await;
            if works {
                reply.assert(200, "OK");
            } else {
                assert!(reply.assert(401, "Access Denied").text().contains(CHANGED));
            }
            let call = root.get("/json-api/loadavg").from(address).send(&double).await;
            assert_eq!(call.status, if works { 200 } else { 403 }, "{validation:?} {address}");
        }
        assert!(root.is_in(&double).await);
    }
}

#[tokio::test]
async fn b33_forwarded_addresses() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let forwarded = root.get("/").header("X-Forwarded-For", "192.0.2.1").header("X-Real-IP", "192.0.2.1");
    forwarded.send(&double).await.assert(200, "OK");
    let recorded = double.requests().pop().unwrap();
    assert_eq!(recorded.forwarding_headers(), ["X-Forwarded-For", "X-Real-IP"]);

    double.switch(|switches| switches.local_proxy = true);
    assert!(forwarded.send(&double).await.assert(401, "Access Denied").text().contains(CHANGED));
    assert!(root.is_in(&double).await);
}

#[tokio::test]
async fn b34_cookies_of_one_service_byte_for_byte() {
    let double = double().await;
    let whm = visitor(&double, Whostmgrd, "resell1").await;
    let cpanel = visitor(&double, Cpaneld, "resell1").await;
    let crossed = |to, own: &Visitor, name: &str| {
        let value = own.cookie.split_once('=').unwrap().1;
        get(to, format!("{}/", own.token)).header("Cookie", format!("{name}={value}"))
    };
    crossed(Cpaneld, &whm, "cpsession").send(&double).await.assert(401, "Token Denied");
    crossed(Whostmgrd, &cpanel, "whostmgrsession").send(&double).await.assert(401, "Token Denied");
    get(Cpaneld, format!("{}/", cpanel.token))
        .header("Cookie", &whm.cookie)
        .send(&double)
        .await
        .assert(401, "Token Denied");

    let decoded = whm.cookie.replace("%3a", ":").replace("%2c", ",");
    let upper = whm.cookie.replace("%3a", "%3A").replace("%2c", "%2C");
    let with =
        |cookie: &str| get(Whostmgrd, format!("{}/", whm.token)).header("Cookie", format!("lang=en; {cookie}; a=b"));
    with(&whm.cookie).send(&double).await.assert(200, "OK");
    for changed in [&decoded, &upper] {
        with(changed).send(&double).await.assert(401, "Token Denied");
    }
    double.switch(|switches| switches.cookies_byte_for_byte = false);
    for changed in [&decoded, &upper] {
        with(changed).send(&double).await.assert(200, "OK");
    }
}

#[tokio::test]
async fn b35_logout() {
    let double = double().await;
    let (one, two) = (visitor(&double, Whostmgrd, "root").await, visitor(&double, Whostmgrd, "root").await);
    let page = one.get("/logout/?locale=en").send(&double).await;
    assert!(page.assert(200, "OK").text().contains("You have logged out."));
    assert!(!one.is_in(&double).await && two.is_in(&double).await);
    assert!(double.session_log().last().unwrap().ends_with(" logout"));

    double.switch(|switches| switches.logout_redirect_url = Some("https://elsewhere.example/bye".to_owned()));
    let reply = two.get("/logout/").send(&double).await;
    assert_eq!(reply.assert(307, "Moved").header("Location"), Some("https://elsewhere.example/bye"));

    double.switch(|switches| switches.two_factor = true);
    let (one, two) = (visitor(&double, Whostmgrd, "root").await, visitor(&double, Whostmgrd, "root").await);
    let other = visitor(&double, Whostmgrd, "support").await;
    one.get("/logout/").send(&double).await;
    assert!(!two.is_in(&double).await && other.is_in(&double).await);
}

#[tokio::test]
async fn b37_security_questions() {
    let double = double_with(|switches| switches.security_questions = true).await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let page = root.get("/scripts/command").send(&double).await;
    assert!(page.assert(200, "OK").text().contains("id=\"questions_form\""));
    root.get("/json-api/loadavg").send(&double).await.assert(403, "Forbidden Access denied");
    assert!(root.post("/", "answer=red").send(&double).await.text().contains("id=\"questions_form\""));
    root.post("/", "answer=green").send(&double).await.assert(303, "Moved");
    assert!(root.get("/").send(&double).await.text().contains("id=\"whm-home\""));

    double.switch(|switches| switches.security_questions = false);
    let root = visitor(&double, Whostmgrd, "root").await;
    assert!(root.get("/").send(&double).await.text().contains("id=\"whm-home\""));
}
