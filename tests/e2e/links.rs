//! Where the links of a panel's pages lead, and what of a page stays as the server wrote it.

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Errand;
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
