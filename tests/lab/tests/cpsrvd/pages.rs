//! Behaviours 44 to 49 and 52: pages, tools and assets.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::client::*;

const ASSETS: &str = "/cPanel_magic_revision_1700000000/lab";

/// An attribute of the element with this id.
#[track_caller]
fn attribute(page: &str, id: &str, name: &str) -> String {
    let tag =
        page.split('<').find(|tag| tag.contains(&format!("id=\"{id}\""))).unwrap_or_else(|| panic!("no {id}: {page}"));
    tag.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn b44_awkward_links() {
    let double = double().await;
    for (service, user, path) in [
        (Whostmgrd, "root", "/scripts/links"),
        (Cpaneld, "alice", "/frontend/jupiter/links/index.html"),
        (Webmaild, "info@alice.example", "/webmail/jupiter/links/index.html"),
    ] {
        let visitor = visitor(&double, service, user).await;
        let token = &visitor.token;
        let page = visitor.get(path).send(&double).await.assert(200, "OK").text();
        let own = format!("https://{HOSTNAME}:{}", service.port());
        let href = |id: &str| attribute(&page, id, "href");
        assert_eq!(href("link-root-relative"), format!("{token}{path}?from=root-relative"));
        assert_eq!(href("link-absolute"), format!("{own}{token}{path}?from=absolute"));
        assert!(href("link-absolute-webmail").starts_with(&format!("https://{HOSTNAME}:2096/cPanel_magic_revision_")));
        assert!(href("link-protocol-relative").starts_with(&format!("//{HOSTNAME}:{}/cpsess", service.port())));
        assert_eq!(attribute(&page, "link-top", "target"), "_top");
        assert_eq!(attribute(&page, "form-absolute", "action"), format!("{own}{token}{path}"));
        let script = get(service, format!("{ASSETS}/links.js")).send(&double).await.text();
        assert!(script.contains("${location.hostname}:2083"));

        let follow = |href: String| get(service, href).header("Cookie", &visitor.cookie);
        let refresh = follow(href("link-meta-refresh")).send(&double).await.text();
        assert!(refresh.contains(&format!("URL={own}{token}{path}?from=refresh")), "{refresh}");
        let base = follow(href("link-base")).send(&double).await.text();
        assert!(base.contains(&format!("<base href=\"{own}{token}/\">")));
        let below = attribute(&base, "link-based", "href");
        follow(format!("{token}/{below}")).send(&double).await.assert(200, "OK");
        let json = follow(attribute(&page, "links-script", "data-json"));
        assert_eq!(json.send(&double).await.json()["url"], format!("{own}{token}{path}?from=json"));
        let posted = visitor.post(path, "from=form").send(&double).await.text();
        assert!(posted.contains("<output id=\"submitted\">form</output>"));
    }
    let css = get(Whostmgrd, format!("{ASSETS}/style.css")).send(&double).await.text();
    assert!(css.contains("url(\"/cPanel_magic_revision_1700000000/lab/dot.svg\")"));
}

#[tokio::test]
async fn b45_identity_from_the_address() {
    let double = double().await;
    for (service, user, path) in [
        (Whostmgrd, "root", "/scripts/path"),
        (Cpaneld, "alice", "/frontend/jupiter/path/index.html"),
        (Webmaild, "info@alice.example", "/webmail/jupiter/path/index.html"),
    ] {
        let visitor = visitor(&double, service, user).await;
        let page = visitor.get(path).send(&double).await.assert(200, "OK").text();
        for id in ["app", "token", "theme", "full-path"] {
            assert!(page.contains(&format!("id=\"{id}\"")));
        }
        let script = get(service, attribute(&page, "path-script", "src")).send(&double).await;
        assert!(script.assert(200, "OK").text().contains("identity(location)"));

        let home = visitor.get(visitor.home()).send(&double).await.text();
        assert!(home.contains(&format!("security_token: \"{}\"", visitor.token)));
        assert_eq!(home.contains("securityToken:"), service == Whostmgrd);
    }
}

#[tokio::test]
async fn b46_frames_two_deep() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let follow = |href: String| get(Whostmgrd, href).header("Cookie", &root.cookie);
    let home = root.get("/").send(&double).await;
    let main = follow(attribute(&home.text(), "frame-main", "src")).send(&double).await;
    let inner = follow(attribute(&main.text(), "frame-inner", "src")).send(&double).await;
    assert_eq!(attribute(&main.text(), "whm-main", "data-depth"), "1");
    assert_eq!(attribute(&inner.text(), "whm-inner", "data-depth"), "2");
    for reply in [&home, &main, &inner] {
        assert_eq!(reply.assert(200, "OK").header("X-Frame-Options"), Some("SAMEORIGIN"));
    }
    double.switch(|switches| switches.x_frame = false);
    assert_eq!(root.get("/scripts/inner").send(&double).await.header("X-Frame-Options"), None);
    for id in ["accounts", "tweak", "terminal", "path", "links", "upgrade", "events", "policy"] {
        follow(attribute(&home.text(), &format!("link-{id}"), "href")).send(&double).await.assert(200, "OK");
    }
    let accounts = root.get("/scripts4/listaccts").send(&double).await.text();
    assert_eq!(attribute(&accounts, "link-cpanel-alice", "href"), format!("{}/xfercpanel/alice", root.token));
    let saved = root.post("/scripts2/dotweaksettings", "contact=a%40b&limit=%3Cb%3E").send(&double).await.text();
    assert!(saved.contains("<dd id=\"saved-contact\">a@b</dd>") && saved.contains("&lt;b&gt;"));
    root.get("/no/such/page").send(&double).await.assert(404, "Not Found");
}

#[tokio::test]
async fn b47_a_tool_that_resists_framing() {
    let double = double().await;
    let alice = visitor(&double, Cpaneld, "alice").await;
    let tool = alice.get("/3rdparty/phpMyAdmin/index.php?route=/");
    let reply = tool.send(&double).await;
    assert_eq!(reply.assert(200, "OK").all("X-Frame-Options"), ["DENY", "SAMEORIGIN"]);
    assert!(reply.header("Content-Security-Policy").unwrap().contains("frame-ancestors 'none'"));
    assert!(reply.text().contains("/lab/framing.js\""));
    let script = get(Cpaneld, format!("{ASSETS}/framing.js")).send(&double).await.text();
    assert!(script.contains("top !== self") && script.contains("top.location.href = self.location.href"));

    double.switch(|switches| switches.phpmyadmin_frame_busting = false);
    let reply = tool.send(&double).await;
    assert_eq!((reply.all("X-Frame-Options"), reply.header("Content-Security-Policy")), (vec!["SAMEORIGIN"], None));
    assert!(!reply.text().contains("/lab/framing.js\""));
}

#[tokio::test]
async fn b48_a_tool_with_cookies_of_its_own() {
    let double = double().await;
    let mail = visitor(&double, Webmaild, "info@alice.example").await;
    let tool = "/3rdparty/roundcube/";
    let reply = mail.get("/3rdparty/roundcube/?_task=mail&_mbox=INBOX").send(&double).await;
    let own = reply.assert(200, "OK").cookie("roundcube_sessid").unwrap().to_owned();
    let check = async |cookies: &str| {
        let ask = get(Webmaild, format!("{}{tool}?_task=mail&_action=check", mail.token));
        let reply = ask.header("Cookie", format!("{}; {cookies}", mail.cookie)).send(&double).await.json();
        (reply["session"] == true, reply["cookies"] == true)
    };
    assert_eq!(check(&format!("{own}; roundcube_cookies=enabled")).await, (true, true));
    assert_eq!(check(&own).await, (true, false));
    assert_eq!(check("roundcube_sessid=x; roundcube_cookies=enabled").await, (false, true));
    let script = get(Webmaild, format!("{ASSETS}/roundcube.js")).send(&double).await.text();
    assert!(script.contains("document.cookie = \"roundcube_cookies=enabled"));

    let from = |referer: &str| mail.get(tool).header("Referer", referer);
    from(&format!("https://{HOSTNAME}:2083/")).send(&double).await.assert(200, "OK");
    from("https://web1.connect.example.com:2096/").send(&double).await.assert(403, "Forbidden");
    double.switch(|switches| switches.roundcube_referer_check = false);
    from("https://web1.connect.example.com:2096/").send(&double).await.assert(200, "OK");
}

#[tokio::test]
async fn b49_assets() {
    let double = double().await;
    let asset = get(Whostmgrd, format!("{ASSETS}/path.js"));
    let plain = asset.send(&double).await;
    assert_eq!(plain.assert(200, "OK").header("Content-Encoding"), None);
    assert_eq!(plain.header("Cache-Control"), Some("max-age=5184000, public"));
    let zipping = asset.clone().header("Accept-Encoding", "gzip, deflate, br");
    let zipped = zipping.send(&double).await;
    assert_eq!(zipped.header("Content-Encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(&*zipped.body).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    double.switch(|switches| switches.gzip_assets = false);
    assert_eq!(zipping.send(&double).await.header("Content-Encoding"), None);
    get(Cpaneld, "/cPanel_magic_revision_1/lab/dot.svg").send(&double).await.assert(200, "OK");
    get(Cpaneld, "/cpsess0000000000/cPanel_magic_revision_1/lab/dot.svg").send(&double).await.assert(200, "OK");
    get(Cpaneld, format!("{ASSETS}/none.js")).send(&double).await.assert(401, "Token Denied");
}

#[tokio::test]
async fn b52_host_check() {
    let double = double().await;
    let by_address = get(Whostmgrd, "/x?y").header("Host", format!("{}:2087", double.ip()));
    by_address.send(&double).await.assert(401, "Token Denied");
    double.switch(|switches| switches.canonical_host = true);
    let reply = by_address.send(&double).await;
    assert_eq!(reply.assert(307, "Moved").header("Location"), Some(&*format!("https://{HOSTNAME}:2087/x?y")));
    get(Whostmgrd, "/").send(&double).await.assert(200, "OK");

    let named = get(Webmaild, "/openid_connect/cpanelid").send(&double).await;
    assert!(named.header("Location").unwrap().starts_with(&format!("https://{HOSTNAME}:2096/")));
}
