//! Behaviours 38 to 43: checks that concern browsers.

use lab::cpsrvd::ReferrerRefusal;

use super::client::*;

const TWEAK: &str = "/scripts2/dotweaksettings";

#[tokio::test]
async fn b38_referrer_safety() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let from = |referer: &str| root.post(TWEAK, "contact=x").header("Referer", referer);
    let foreign = [
        "https://web1.connect.example.com:2087/",
        "https://web1.example.com/",
        "https://web1.example.com:2083/x",
        "garbage",
    ];
    let own = format!("https://{HOSTNAME}:2087{}/scripts2/tweaksettings", root.token);
    for referer in foreign {
        from(referer).send(&double).await.assert(200, "OK");
    }
    double.switch(|switches| switches.referrer_safety = true);
    for referer in foreign {
        from(referer).send(&double).await.assert(401, "Access Denied");
        let query = root.get("/scripts2/dotweaksettings?contact=x").header("Referer", referer);
        query.send(&double).await.assert(401, "Access Denied");
        root.get("/json-api/listaccts?api.version=1")
            .header("Referer", referer)
            .send(&double)
            .await
            .assert(401, "Access Denied");
        root.get("/scripts/command?PFILE=main").header("Referer", referer).send(&double).await.assert(200, "OK");
    }
    from(&own).send(&double).await.assert(200, "OK");
    root.post(TWEAK, "contact=x").send(&double).await.assert(200, "OK");
    // The destination is what Host says, so an address counts like a name.
    let address = format!("{}:2087", double.ip());
    let by_address =
        root.post(TWEAK, "contact=x").header("Host", &address).header("Referer", format!("https://{address}/"));
    by_address.send(&double).await.assert(200, "OK");
    // The port is the service's own, whatever Host says.
    let without_port = |referer: &str| from(referer).header("Host", HOSTNAME);
    without_port("https://web1.example.com/").send(&double).await.assert(401, "Access Denied");
    without_port(&own).send(&double).await.assert(200, "OK");
    // An API token is no browser.
    whm(&double, "listaccts", "").await.assert(200, "OK");
}

#[tokio::test]
async fn b39_referrer_blank_safety() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let blank = root.post(TWEAK, "contact=x");
    blank.send(&double).await.assert(200, "OK");
    double.switch(|switches| switches.referrer_blank_safety = true);
    blank.send(&double).await.assert(401, "Access Denied");
    blank.clone().header("Referer", "").send(&double).await.assert(401, "Access Denied");
    blank.clone().header("Referer", "https://elsewhere.example/").send(&double).await.assert(200, "OK");
    root.get("/").send(&double).await.assert(200, "OK");
    visitor(&double, Whostmgrd, "root").await;
}

#[tokio::test]
async fn b40_a_failed_referrer_check() {
    let double = double_with(|switches| switches.referrer_safety = true).await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let foreign = root.post(TWEAK, "contact=x").header("Referer", "https://elsewhere.example/");
    assert!(foreign.send(&double).await.assert(401, "Access Denied").is_login_page());
    double.switch(|switches| switches.referrer_refusal = ReferrerRefusal::Forbidden);
    foreign.send(&double).await.assert(403, "Forbidden Referrer");
    assert!(root.is_in(&double).await);
}

#[tokio::test]
async fn b41_framing_headers_everywhere() {
    let double = double_with(|switches| switches.require_ssl = false).await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let asks = || {
        let mut asks =
            vec![root.get("/"), root.get("/nothing"), root.get("/json-api/loadavg"), get(Whostmgrd, "/json-api/x")];
        for service in [Whostmgrd, Cpaneld, Webmaild] {
            asks.extend([get(service, "/"), get(service, "/").plain()]);
            asks.push(get(service, "/cPanel_magic_revision_1700000000/lab/style.css"));
        }
        asks
    };
    for ask in asks() {
        let reply = ask.send(&double).await;
        assert_eq!(reply.all("X-Frame-Options"), ["SAMEORIGIN"], "{}", reply.head);
        assert_eq!(reply.all("X-Content-Type-Options"), ["nosniff"]);
    }
    double.switch(|switches| switches.x_frame = false);
    for ask in asks() {
        let reply = ask.send(&double).await;
        assert_eq!((reply.header("X-Frame-Options"), reply.header("X-Content-Type-Options")), (None, None));
    }
}

#[tokio::test]
async fn b42_a_policy_with_a_nonce() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    for path in ["/scripts/forkbomb", "/scripts/locale"] {
        double.switch(|switches| switches.csp = false);
        assert_eq!(root.get(path).send(&double).await.header("Content-Security-Policy"), None);
        double.switch(|switches| switches.csp = true);
        let (one, two) = (root.get(path).send(&double).await, root.get(path).send(&double).await);
        let policy = one.header("Content-Security-Policy").unwrap();
        assert_ne!(Some(policy), two.header("Content-Security-Policy"));
        let nonce = policy.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0;
        assert!(one.text().contains(&format!("<script nonce=\"{nonce}\">")));
        assert!(!policy.contains("frame-ancestors"));
    }
    assert_eq!(root.get("/").send(&double).await.header("Content-Security-Policy"), None);
}

#[tokio::test]
async fn b43_absolute_urls_follow_host() {
    let double = double_with(|switches| switches.absolute_redirects = true).await;
    let location = async |host: &str| {
        let url = login_url(&double, Whostmgrd, "root").await;
        let reply = get(Whostmgrd, &url).header("Host", host).send(&double).await;
        let page = get(Whostmgrd, reply.header("Location").map(path_of).unwrap() + "scripts/links")
            .header("Cookie", reply.cookie("whostmgrsession").unwrap())
            .header("Host", host)
            .send(&double)
            .await;
        (reply.header("Location").unwrap().split("/cpsess").next().unwrap().to_owned(), page.text())
    };
    // The port is the service's own, whatever Host says.
    for host in ["alias.example.com", "alias.example.com:2087", "alias.example.com:443"] {
        let (origin, page) = location(host).await;
        assert_eq!(origin, "https://alias.example.com:2087");
        assert!(page.contains("\"https://alias.example.com:2096/"));
    }
    double.switch(|switches| switches.absolute_from_host = false);
    let (origin, page) = location("alias.example.com").await;
    assert_eq!(origin, format!("https://{HOSTNAME}:2087"));
    assert!(!page.contains("alias.example.com"));
}
