//! The response envelope is ours: every header that a compromised server could reach beyond its own pages
//! with, sent by one, and what the browser is told instead. The table is the test.

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;

use http::HeaderMap;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::cpsrvd::Planted;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;

/// What becomes of a header line.
#[derive(Clone, Copy, Debug)]
enum Becomes {
    /// The browser's head is what it is without it.
    Nothing,
    /// The browser is told this under this name, and else what it is told without it.
    Told(&'static str, &'static str),
    /// The whole answer is withheld.
    Withheld,
}

use Becomes::Nothing;
use Becomes::Told;
use Becomes::Withheld;

/// A header line of the server, and what becomes of it.
type Row = (u16, &'static str, &'static str, Becomes);

/// `{console}` stands for the console's origin.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // What would act on the whole site, or on the browser.
    (200, "Clear-Site-Data", "\"cookies\", \"storage\", \"executionContexts\"", Nothing),
    (200, "Set-Cookie", "__Host-panelgate-session=evil; Path=/; Secure", Nothing),
    (200, "Set-Cookie", "__Host-panelgate-whm=evil; Path=/; Secure", Nothing),
    (200, "Set-Cookie", "panelgate=evil; Domain=connect.example.com; Path=/; Secure", Nothing),
    (200, "Set-Cookie", "any=evil; Domain=example.com; Path=/; SameSite=None; Secure", Nothing),
    (200, "Set-Cookie", "__Secure-x=evil; Domain=example.com; Secure; Partitioned", Nothing),
    (200, "Set-Cookie", "lang=de; Domain=example.com", Told("set-cookie", "lang=de; Path=/; Secure; SameSite=Strict")),
    (200, "Set-Cookie2", "any=evil; Version=1", Nothing),
    (200, "Strict-Transport-Security", "max-age=0", Nothing),
    (200, "Public-Key-Pins", "pin-sha256=\"AAAA\"; max-age=60; includeSubDomains", Nothing),
    (200, "Expect-CT", "max-age=60, report-uri=\"https://evil.example/\"", Nothing),
    (200, "Alt-Svc", "h3=\"evil.example:443\"; ma=86400; persist=1", Nothing),
    (200, "Alt-Used", "evil.example", Nothing),
    (200, "Upgrade", "h2c", Nothing),
    (200, "Origin", "https://evil.example", Nothing),
    (200, "Set-Login", "logged-out", Nothing),
    (200, "Sec-Session-Registration", "(ES256);path=\"/evil\"", Nothing),
    (200, "Accept-CH", "Sec-CH-UA-Full-Version-List, Device-Memory", Nothing),
    (200, "Critical-CH", "Sec-CH-UA-Full-Version-List", Nothing),
    (200, "Variants", "Accept-Language;de;en", Nothing),
    // What would stay after the session.
    (200, "Service-Worker-Allowed", "/", Nothing),
    (200, "Service-Worker-Navigation-Preload", "true", Nothing),
    (200, "Use-As-Dictionary", "match=\"/*\"", Nothing),
    (200, "No-Vary-Search", "params", Nothing),
    (200, "Cache-Control", "public, max-age=31536000, immutable", Nothing),
    (200, "Expires", "Fri, 22 Nov 2030 10:00:00 GMT", Nothing),
    (200, "Age", "0", Nothing),
    (200, "CDN-Cache-Control", "max-age=600", Nothing),
    (200, "Surrogate-Control", "max-age=600", Nothing),
    (200, "Vary", "*", Nothing),
    // What would tell somebody else.
    (200, "NEL", "{\"report_to\":\"evil\",\"max_age\":31536000,\"include_subdomains\":true}", Nothing),
    (200, "Report-To", "{\"group\":\"evil\",\"max_age\":31536000,\"endpoints\":[{\"url\":\"https://evil.example/\"}]}", Nothing),
    (200, "Reporting-Endpoints", "default=\"https://evil.example/\"", Nothing),
    (200, "Content-Security-Policy-Report-Only", "default-src 'none'; report-uri https://evil.example/", Nothing),
    (200, "Content-Security-Policy", "report-uri https://evil.example/; report-to evil", Nothing),
    (200, "Content-Security-Policy", "img-src 'self', report-uri https://evil.example/; default-src 'self'",
        Told("content-security-policy", "frame-ancestors 'self' {console} | img-src 'self' | default-src 'self'")),
    (200, "Cross-Origin-Opener-Policy-Report-Only", "same-origin; report-to=\"evil\"", Nothing),
    (200, "Cross-Origin-Embedder-Policy-Report-Only", "require-corp; report-to=\"evil\"", Nothing),
    (200, "Permissions-Policy-Report-Only", "camera=();report-to=evil", Nothing),
    (200, "Document-Policy", "oversized-images;report-to=evil", Nothing),
    (200, "SourceMap", "https://evil.example/map", Nothing),
    (200, "X-SourceMap", "https://evil.example/map", Nothing),
    (200, "Server-Timing", "cache;desc=\"x\"", Nothing),
    (200, "Attribution-Reporting-Register-Source", "{\"destination\":\"https://evil.example\"}", Nothing),
    (200, "Observe-Browsing-Topics", "?1", Nothing),
    // What would open its pages to others, or others to its pages.
    (200, "Access-Control-Allow-Origin", "{console}", Nothing),
    (200, "Access-Control-Allow-Credentials", "true", Nothing),
    (200, "Access-Control-Allow-Methods", "*", Nothing),
    (200, "Access-Control-Allow-Headers", "*", Nothing),
    (200, "Access-Control-Expose-Headers", "*", Nothing),
    (200, "Access-Control-Max-Age", "86400", Nothing),
    (200, "Access-Control-Allow-Private-Network", "true", Nothing),
    (200, "Timing-Allow-Origin", "*", Nothing),
    (200, "Cross-Origin-Opener-Policy", "unsafe-none", Nothing),
    (200, "Cross-Origin-Embedder-Policy", "require-corp", Nothing),
    (200, "Cross-Origin-Resource-Policy", "cross-origin", Nothing),
    (200, "Origin-Agent-Cluster", "?0", Nothing),
    (200, "Supports-Loading-Mode", "credentialed-prerender", Nothing),
    (200, "Activate-Storage-Access", "load", Nothing),
    (200, "Permissions-Policy", "publickey-credentials-get=*, camera=*", Nothing),
    (200, "Feature-Policy", "camera *", Nothing),
    (200, "Referrer-Policy", "unsafe-url", Nothing),
    (200, "X-Content-Type-Options", "sniff-away", Nothing),
    (200, "X-XSS-Protection", "1; report=https://evil.example/", Nothing),
    (200, "X-Permitted-Cross-Domain-Policies", "all", Nothing),
    // What would decide where it is shown.
    (200, "X-Frame-Options", "ALLOW-FROM https://evil.example/", Nothing),
    (200, "Content-Security-Policy", "frame-ancestors *", Nothing),
    (200, "Content-Security-Policy", "sandbox", Nothing),
    // What would have something fetched, or send the person on.
    (200, "Link", "<https://evil.example/x.css>; rel=preload; as=style", Nothing),
    (200, "Link", "<{console}/sign-out>; rel=prefetch", Nothing),
    (200, "Speculation-Rules", "\"https://evil.example/rules.json\"", Nothing),
    (200, "X-DNS-Prefetch-Control", "on", Nothing),
    (200, "Content-Location", "https://evil.example/", Nothing),
    (200, "Refresh", "0; url=javascript:alert(1)", Nothing),
    (200, "Refresh", "0; url=data:text/html,x", Nothing),
    (200, "Refresh", "9; url=https://evil.example/", Told("refresh", "9; url=/.panelgate/leave?to=https%3A%2F%2Fevil.example%2F")),
    (302, "Location", "https://evil.example/x", Told("location", "/.panelgate/leave?to=https%3A%2F%2Fevil.example%2Fx")),
    (302, "Location", "//evil.example/x", Told("location", "/.panelgate/leave?to=https%3A%2F%2Fevil.example%2Fx")),
    (302, "Location", "\\\\evil.example\\x", Told("location", "/.panelgate/leave?to=https%3A%2F%2Fevil.example%2Fx")),
    (302, "Location", "{console}/sign-out", Told("location", "/.panelgate/leave?to=https%3A%2F%2Fconnect.example.com%2Fsign-out")),
    (302, "Location", "javascript:alert(1)", Withheld),
    (302, "Location", "data:text/html,x", Withheld),
    (302, "Location", "file:///etc/passwd", Withheld),
    (302, "Location", "https://name:word@web1.hosting.example:2087/", Withheld),
    // What would ask for a password, or speak to whatever stands in between.
    (403, "WWW-Authenticate", "Basic realm=\"Sign in again\"", Nothing),
    (403, "Proxy-Authenticate", "Basic realm=\"Sign in again\"", Nothing),
    (200, "Authentication-Info", "nextnonce=\"x\"", Nothing),
    (200, "X-Accel-Redirect", "/etc/passwd", Nothing),
    (200, "X-Accel-Buffering", "no", Nothing),
    (200, "X-Sendfile", "/etc/passwd", Nothing),
    (200, "X-Reproxy-URL", "http://127.0.0.1/", Nothing),
    (200, "Via", "1.1 evil", Nothing),
    (200, "Keep-Alive", "timeout=99999", Nothing),
    (200, "Proxy-Connection", "keep-alive", Nothing),
    (200, "Trailer", "Set-Cookie", Nothing),
    (200, "Server", "evil", Nothing),
    (200, "X-Powered-By", "evil", Nothing),
    (200, "Panelgate-Reference", "00000-00000", Nothing),
    // What would have two meanings.
    (200, "Content-Type", "text/plain", Withheld),
    (200, "Content-Length", "1", Withheld),
    // What passes: it says something about the answer itself and nothing else.
    (200, "ETag", "\"v1\"", Told("etag", "\"v1\"")),
    (200, "Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT", Told("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT")),
    (200, "Accept-Ranges", "bytes", Told("accept-ranges", "bytes")),
    (200, "Content-Language", "de", Told("content-language", "de")),
    (200, "Content-Disposition", "attachment; filename=\"invoice.exe\"", Told("content-disposition", "attachment; filename=\"invoice.exe\"")),
    (200, "Content-Security-Policy", "default-src 'self'", Told("content-security-policy", "frame-ancestors 'self' {console} | default-src 'self'")),
];

in_both_styles! {
    /// Each line alone, in the answer to a script of the panel: what it gets is not even rewritten for a page.
    async fn a_servers_head_reaches_no_further_than_its_answer(style: Style) {
        let stage = Stage::new(style).await;
        let console_origin = stage.world.console().to_owned();
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let web1 = stage.world.server(1);
        let mut table = String::new();
        let mut wrong = String::new();
        for (number, (status, name, value, becomes)) in ROWS.iter().enumerate() {
            let value = value.replace("{console}", &console_origin);
            let plain = Planted::page("<p>evil</p>", &[]).status(*status);
            let mut hostile = plain.clone();
            hostile.headers.push((*name, value.clone()));
            web1.plant("/evil/plain", plain);
            web1.plant(&format!("/evil/{number}"), hostile);
            let before = ask(&browser, &home, "evil/plain").await;
            let after = ask(&browser, &home, &format!("evil/{number}")).await;
            let found = difference(&head(&before.headers), &head(&after.headers));
            let (result, as_wanted) = match becomes {
                Nothing => (found.clone(), after.status == *status && found == "nothing"),
                Told(name, value) => {
                    let value = value.replace("{console}", &console_origin);
                    (found.clone(), after.status == *status && found == format!("{name}: {value}"))
                }
                Withheld => (format!("{} and no answer", after.status), after.status == 502 && !after.text().contains("evil")),
            };
            let mark = if as_wanted { "  " } else { "!!" };
            let line = format!("{mark} {status} {name}: {value}\n      -> {result}\n");
            write!(table, "{line}").unwrap();
            if !as_wanted {
                writeln!(wrong, "{line}      wanted: {becomes:?}").unwrap();
            }
        }
        // Written past the test harness, so that it is seen without being asked for.
        writeln!(io::stdout().lock(), "{} panels: the server's header line -> what the browser gets\n{table}", style.as_str()).unwrap();
        assert!(wrong.is_empty(), "{wrong}");
        // After all that, everything is as before.
        assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
        assert_eq!(browser.follow(&home, home.url.as_str()).await.unwrap().status, 200);
    }
}

async fn ask(browser: &Browser, home: &Page, path: &str) -> Page {
    let token = home.url.path().split('/').nth(1).unwrap();
    let url = home.resolve(&format!("/{token}/{path}")).unwrap();
    browser.ask(Ask::get(Errand::Fetch, url.as_str()).by(home).once()).await.unwrap()
}

/// The head as lines, one for each name, without what differs from answer to answer.
fn head(headers: &HeaderMap) -> Vec<(String, String)> {
    let names = headers.keys().filter(|name| !matches!(name.as_str(), "date" | "content-length"));
    let joined = |name| {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" | ")
    };
    let mut lines: Vec<_> = names.map(|name| (name.to_string(), joined(name))).collect();
    lines.sort();
    lines
}

/// What is new or gone.
fn difference(before: &[(String, String)], after: &[(String, String)]) -> String {
    let new = after.iter().filter(|line| !before.contains(line)).map(|(name, value)| format!("{name}: {value}"));
    let names = |lines: &[(String, String)]| lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let gone = names(before).into_iter().filter(|name| !names(after).contains(name)).map(|name| format!("no {name}"));
    let all: Vec<String> = new.chain(gone).collect();
    if all.is_empty() { "nothing".into() } else { all.join("; ") }
}
