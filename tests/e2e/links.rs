//! Where the links of a panel's pages lead, and what of a page stays as the server wrote it.

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Errand;
use lab::cpsrvd::Planted;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;

in_both_styles! {
    /// The server's own names and ports, wherever a page leads to them.
    async fn what_a_page_leads_to_is_on_our_side(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let page = browser.frame(&home, &home.attribute("link-links", "href").unwrap()).await.unwrap();
        let token = page.attribute("links", "data-token").unwrap();
        let own = stage.panel("web1", "whostmgrd", &token);
        for (id, name, expected) in [
            ("link-absolute", "href", format!("{own}/scripts/links?from=absolute")),
            ("link-protocol-relative", "href", format!("{own}/scripts/links?from=protocol-relative")),
            ("link-root-relative", "href", format!("{token}/scripts/links?from=root-relative")),
            ("form-absolute", "action", format!("{own}/scripts/links")),
            ("link-absolute-webmail", "href", stage.panel("web1", "webmaild", "/cPanel_magic_revision_1700000000/lab/dot.svg")),
            ("link-top", "target", "_self".to_owned()),
            ("link-top", "data-panelgate-target", "_top".to_owned()),
        ] {
            assert_eq!(page.attribute(id, name).unwrap(), expected);
        }
        let script = page.text().split_once("<script src=\"/.panelgate/assets/panel.").is_some();
        assert!(script && !page.text().contains("hosting.example:"), "{}", page.text());
        // A page that leads on by itself, and one with a base.
        let on = browser.frame(&page, &page.attribute("link-meta-refresh", "href").unwrap()).await.unwrap();
        assert_eq!(on.attribute("links", "data-service").unwrap(), "whostmgrd");
        let based = browser.frame(&page, &page.attribute("link-base", "href").unwrap()).await.unwrap();
        assert!(based.text().contains(&format!("<base href=\"{own}/\">")), "{}", based.text());
    }

    /// Data is not for us to change: scripts read it, and people save it.
    async fn what_is_no_page_stays_as_it_is(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let page = browser.frame(&home, &home.attribute("link-links", "href").unwrap()).await.unwrap();
        assert_eq!(server.requests().pop().unwrap().header("accept-encoding"), Some("identity"));
        let json = browser.fetch(&page, &page.attribute("links-script", "data-json").unwrap()).await.unwrap();
        assert!(json.json().unwrap()["url"].as_str().unwrap().starts_with("https://web1.hosting.example:2087/"));
        // A page that a script asks for is data as well.
        let data = browser.fetch(&home, page.url.as_str()).await.unwrap();
        assert!(data.text().contains("https://web1.hosting.example:2087/") && !data.text().contains("/.panelgate/"));
        assert_eq!(server.requests().pop().unwrap().header("accept-encoding"), Some("gzip"));
        // So is what is typed into a form.
        let typed = "https://web1.hosting.example:2083/";
        let tweak = browser.frame(&home, &home.attribute("link-tweak", "href").unwrap()).await.unwrap();
        let action = tweak.attribute("tweak-form", "action").unwrap();
        let saved = browser.submit(&tweak, &action, &[("contact", typed), ("limit", "7")]).await.unwrap();
        assert!(saved.text().contains(&format!("<dd id=\"saved-contact\">{typed}</dd>")), "{}", saved.text());
    }

    async fn a_page_that_trickles_arrives_line_by_line(style: Style) {
        let stage = Stage::new(style).await;
        stage.world.server(1).switch(|switches| {
            switches.trickle_lines = 1000;
            switches.trickle_interval = std::time::Duration::from_millis(100);
        });
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let url = home.resolve(&home.attribute("link-upgrade", "href").unwrap()).unwrap();
        let response = browser.stream(Ask::get(Errand::Frame, url.as_str()).by(&home)).await.unwrap();
        assert!(response.headers().get("content-length").is_none());
        let mut body = response.into_body();
        let mut heard = String::new();
        while !heard.contains("line-3") {
            let frame = body.frame().await.unwrap().unwrap();
            heard.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap()));
        }
        assert!(heard.contains("/.panelgate/assets/panel.") && !heard.contains("line-900"), "{heard}");
    }
}

in_both_styles! {
    /// Headers that lead to the server's own names and ports lead to ours, and those that lead on by themselves
    /// elsewhere go through our page.
    async fn headers_that_name_the_server_lead_to_us(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let whm = stage.panel("web1", "whostmgrd", "");
        let ask = async |path: &'static str, status: u16, name: &'static str, value: String| {
            server.plant(path, Planted::page("", &[(name, &value)]).status(status));
            let url = home.resolve(path.trim_start_matches('/')).unwrap();
            let answer = browser.ask(Ask::get(Errand::Frame, url.as_str()).by(&home).once()).await.unwrap();
            assert_eq!(answer.status, status, "{name}: {value}");
            answer.header(name)
        };
        for (service, port, plain) in [("whostmgrd", 2087, 2086), ("cpaneld", 2083, 2082), ("webmaild", 2096, 2095)] {
            for from in [
                format!("https://web1.hosting.example:{port}"),
                format!("http://web1.hosting.example:{plain}"),
                format!("//WEB1.hosting.example:{port}"),
                format!("https://{}:{port}", server.ip()),
            ] {
                let to = stage.panel("web1", service, "/x?y=1");
                // Within the same panel without the name.
                let found = ask("/moved", 302, "location", format!("{from}/x?y=1")).await.unwrap();
                assert_eq!(home.resolve(&found).unwrap().as_str(), to, "{from}");
                let refresh = ask("/refreshed", 200, "refresh", format!("3; url={from}/x?y=1")).await.unwrap();
                let found = refresh.strip_prefix("3; url=").unwrap();
                assert_eq!(home.resolve(found).unwrap().as_str(), to, "{from}");
            }
        }
        let preload = |origin: &str| format!("<{origin}/cPanel_magic_revision_1/a.css>; rel=preload; as=style");
        let link = ask("/link", 200, "link", preload("https://web1.hosting.example:2087")).await.unwrap();
        assert!(link.contains("/cPanel_magic_revision_1/a.css") && !link.contains("hosting.example"), "{link}");
        assert!(ask("/link2", 200, "link", preload("https://web1.hosting.example:2083")).await.is_none(), "of another panel");
        let location = ask("/away", 302, "location", "https://docs.example.net/".into()).await.unwrap();
        let away = format!("{whm}/.panelgate/leave?to=https%3A%2F%2Fdocs.example.net%2F");
        assert_eq!(home.resolve(&location).unwrap().as_str(), away);
    }
}
