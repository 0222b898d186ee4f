//! Every check through every gateway, with what is expected of each. The table is the test.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::io::Write as _;

use futures_util::future::BoxFuture;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Switches;
use lab::cpsrvd::WebSocketOrigin;
use lab::world::Style;

use super::checks;
use super::nginx::HostHeader;
use super::nginx::Shape;
use super::route::Route;

/// What is expected without our gateway.
#[derive(Clone, Copy, Debug)]
enum Plain {
    /// The check passes.
    Pass,
    /// It fails, and the reason has this in it.
    Fail(&'static str),
}

use Plain::Fail;
use Plain::Pass;

type Check = for<'r> fn(&'r Route) -> BoxFuture<'r, anyhow::Result<()>>;

/// One check.
struct Row {
    /// The behaviour of the server (`lab::cpsrvd::behaviours`).
    number: u8,
    what: &'static str,
    check: Check,
    /// With no gateway.
    straight: Plain,
    /// Through nginx: path prefix, host; each with the server's name in `Host`, then with its own.
    plain: [Plain; 4],
}

macro_rules! check {
    ($name:ident) => {
        |route| Box::pin(checks::$name(route))
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { number: 22, what: "every form of login answer ends on the panel", check: check!(b22_every_form_of_login), straight: Pass,
        plain: [Fail("404 Not Found"), Fail("404 Not Found"), Pass, Fail(":2087/")] },
    Row { number: 22, what: "the server's session stays out of the browser", check: check!(b22_no_session_in_the_browser), straight: Fail("holds whostmgrsession"),
        plain: [Fail("holds whostmgrsession"); 4] },
    Row { number: 26, what: "a link leads to the next page", check: check!(b26_the_next_page), straight: Pass,
        plain: [Fail("404 Not Found"), Fail("404 Not Found"), Pass, Pass] },
    Row { number: 26, what: "the same panel in a second tab", check: check!(b26_the_same_panel_twice), straight: Fail("security token in your request is invalid"),
        plain: [Fail("security token in your request is invalid"); 4] },
    Row { number: 32, what: "two addresses, one session", check: check!(b32_two_addresses), straight: Fail("IP address has changed"),
        plain: [Fail("IP address has changed"); 4] },
    Row { number: 38, what: "a form under referrersafety", check: check!(b38_referrer_check), straight: Pass,
        plain: [Fail("not part of this server"); 4] },
    Row { number: 39, what: "a form without Referer under referrerblanksafety", check: check!(b39_no_referrer), straight: Fail("not part of this server"),
        plain: [Fail("not part of this server"); 4] },
    Row { number: 41, what: "framed by the console only, apart from it", check: check!(b41_framed_by_the_console_only), straight: Fail("X-Frame-Options"),
        plain: [Fail("share the console"), Fail("share the console"), Fail("X-Frame-Options"), Fail("X-Frame-Options")] },
    Row { number: 43, what: "absolute redirects", check: check!(b43_absolute_redirects), straight: Pass,
        plain: [Pass, Fail(":2083/"), Pass, Fail(":2083/")] },
    Row { number: 44, what: "absolute links in bodies", check: check!(b44_absolute_links), straight: Pass,
        plain: [Fail("no such name"), Fail(":2087/"), Fail("no such name"), Fail(":2087/")] },
    Row { number: 45, what: "identity from the address", check: check!(b45_identity_from_the_address), straight: Pass,
        plain: [Fail("for other with no"), Fail("for other with no"), Fail("for other with its"), Fail("for other with its")] },
    Row { number: 47, what: "a tool that resists framing", check: check!(b47_a_tool_that_resists_framing), straight: Fail("X-Frame-Options"),
        plain: [Fail("frame-ancestors"); 4] },
    Row { number: 48, what: "a tool with cookies of its own", check: check!(b48_a_tool_with_cookies), straight: Pass,
        plain: [Fail("another site"), Pass, Fail("another site"), Pass] },
    Row { number: 50, what: "hop from WHM to cPanel", check: check!(b50_from_whm_to_cpanel), straight: Pass,
        plain: [Fail("no such name"), Fail(":2083/"), Fail("no such name"), Fail(":2083/")] },
    Row { number: 51, what: "hop from cPanel to Webmail", check: check!(b51_from_cpanel_to_webmail), straight: Pass,
        plain: [Fail("no such name"), Fail(":2096/"), Fail("no such name"), Fail(":2096/")] },
    Row { number: 53, what: "the terminal's WebSocket", check: check!(b53_terminal), straight: Pass,
        plain: [Fail("answered 403"); 4] },
];

/// The behaviours that a plain gateway must not be able to pass, in either shape.
const NUMBERS: [u8; 14] = [22, 26, 32, 38, 39, 41, 43, 44, 45, 47, 48, 50, 51, 53];

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_gateway_fails_and_ours_does_not() {
    let routes = [
        Route::straight().await,
        Route::plain("nginx, prefix", Shape::Prefix, HostHeader::Servers).await,
        Route::plain("nginx, prefix, Host kept", Shape::Prefix, HostHeader::Kept).await,
        Route::plain("nginx, host", Shape::Host, HostHeader::Servers).await,
        Route::plain("nginx, host, Host kept", Shape::Host, HostHeader::Kept).await,
        Route::ours("Panelgate, ports", Style::Ports).await,
        Route::ours("Panelgate, hosts", Style::Hosts).await,
    ];
    let mut table = Table::default();
    for row in ROWS {
        table.begin(row);
        for (column, route) in routes.iter().enumerate() {
            route.reset();
            let outcome = (row.check)(route).await;
            table.enter(row.what, route.name, row.expected(column), &outcome);
        }
    }
    table.print(&routes);
    assert!(table.surprises.is_empty(), "not as expected:\n{}", table.surprises.join("\n"));
}

/// The checks bite because of the behaviour that they are named after: without it, a plain gateway passes.
#[tokio::test(flavor = "multi_thread")]
async fn each_check_fails_for_its_own_reason() {
    let route = Route::plain("nginx, host", Shape::Host, HostHeader::Servers).await;
    for (soften, check) in SOFT {
        route.reset();
        let before = check(&route).await;
        route.switch(soften);
        let after = check(&route).await;
        assert!(before.is_err() && after.is_ok(), "{before:?}, then {after:?}");
    }
}

type Soften = fn(&mut Switches);

/// How the server would have to be for a plain gateway to do.
const SOFT: [(Soften, Check); 5] = [
    (|switches| switches.require_security_token = false, check!(b26_the_same_panel_twice)),
    (|switches| switches.cookie_ip_validation = CookieIpValidation::Disabled, check!(b32_two_addresses)),
    (
        |switches| (switches.phpmyadmin_frame_busting, switches.x_frame) = (false, false),
        check!(b47_a_tool_that_resists_framing),
    ),
    (|switches| switches.roundcube_referer_check = false, check!(b48_a_tool_with_cookies)),
    (|switches| switches.websocket_origin = WebSocketOrigin::Any, check!(b53_terminal)),
];

/// The table itself leaves no way for a plain gateway: each behaviour stops each shape of it.
#[test]
fn each_behaviour_stops_each_shape_of_a_plain_gateway() {
    let fails = |shape: usize| -> BTreeSet<u8> {
        let stopped = |row: &&Row| row.plain.chunks(2).nth(shape).unwrap().iter().any(|plain| matches!(plain, Fail(_)));
        ROWS.iter().filter(stopped).map(|row| row.number).collect()
    };
    let all = BTreeSet::from(NUMBERS);
    assert_eq!((fails(0), fails(1)), (all.clone(), all));
}

/// What a cell of the table expects.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Pass,
    Fail(&'static str),
}

impl Row {
    fn expected(&self, column: usize) -> Expected {
        let plain = |plain: Plain| match plain {
            Pass => Expected::Pass,
            Fail(text) => Expected::Fail(text),
        };
        match column {
            0 => plain(self.straight),
            1..=4 => plain(self.plain[column - 1]),
            // Through Panelgate, in both styles, everything works.
            _ => Expected::Pass,
        }
    }
}

/// What came of the checks.
#[derive(Default)]
struct Table {
    /// One line for each check, one mark for each gateway.
    matrix: String,
    /// The reasons.
    reasons: String,
    surprises: Vec<String>,
}

impl Table {
    fn begin(&mut self, row: &Row) {
        write!(self.matrix, "\n{:>2}  {:<48}", row.number, row.what).unwrap();
        write!(self.reasons, "\n{:>2}  {}\n", row.number, row.what).unwrap();
    }

    fn enter(&mut self, what: &str, route: &str, expected: Expected, outcome: &anyhow::Result<()>) {
        let (mark, surprise) = match (expected, outcome) {
            (Expected::Pass, Ok(())) => ("pass", None),
            (Expected::Fail(text), Err(failure)) if format!("{failure:#}").contains(text) => ("fail", None),
            (Expected::Fail(text), Err(_)) => ("FAIL", Some(format!("\"{text}\" was expected"))),
            (Expected::Pass, Err(_)) => ("FAIL", Some("it should pass".to_owned())),
            (Expected::Fail(text), Ok(())) => {
                ("PASS", Some(format!("the double is too soft: \"{text}\" was expected")))
            }
        };
        write!(self.matrix, " {mark:<8}").unwrap();
        let line = match outcome {
            Ok(()) => format!("    {route:<24} {mark}"),
            Err(failure) => format!("    {route:<24} {mark}: {failure:#}"),
        };
        writeln!(self.reasons, "{line}").unwrap();
        self.surprises.extend(surprise.map(|surprise| format!("{what}\n{line}\n      {surprise}")));
    }

    fn print(&self, routes: &[Route]) {
        let mut out = io::stdout().lock();
        for (column, route) in (1..).zip(routes) {
            writeln!(out, "{column}  {}", route.name).unwrap();
        }
        let columns = (1..=routes.len()).fold(String::new(), |line, column| format!("{line} {column:<8}"));
        writeln!(out, "\n{:52}{columns}{}\n{}", "", self.matrix, self.reasons).unwrap();
    }
}
