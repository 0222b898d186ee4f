//! One meaning per request, over HTTP/2, frame by frame. `docs/wire.md` lists the rows by number.

use crate::edge::Panel;
use crate::edge::WHM;
use crate::frames::DATA;
use crate::frames::END_STREAM;
use crate::frames::Frames;
use crate::frames::Outcome;

type Field<'f> = (&'f str, &'f [u8]);

/// A person with an open panel, and the fields of a request to it.
struct Sender {
    panel: Panel,
    cookie: String,
}

impl Sender {
    async fn new() -> Self {
        let panel = Panel::new().await;
        let cookie = panel.auth.trim_end().strip_prefix("Cookie: ").unwrap().to_owned();
        Self { panel, cookie }
    }

    /// The pseudo fields of a request, some of them replaced or left out, and what every request of ours has.
    fn fields<'f>(&'f self, replaced: &[(&'f str, Option<&'f [u8]>)], more: &[Field<'f>]) -> Vec<Field<'f>> {
        let usual: [Field<'f>; 4] = [
            (":method", b"GET"),
            (":scheme", b"https"),
            (":authority", WHM.as_bytes()),
            (":path", self.panel.home.as_bytes()),
        ];
        let mut fields = Vec::new();
        for (name, value) in usual {
            match replaced.iter().find(|(other, _)| *other == name) {
                Some((_, Some(other))) => fields.push((name, *other)),
                Some((_, None)) => {}
                None => fields.push((name, value)),
            }
        }
        fields.extend_from_slice(&[("cookie", self.cookie.as_bytes()), ("sec-fetch-site", b"same-origin")]);
        fields.extend_from_slice(more);
        fields
    }

    async fn send(&self, fields: &[Field<'_>], data: Option<&[u8]>) -> Outcome {
        let mut frames = Frames::connect(&self.panel.stage, "web1.connect.example.com", 2087).await;
        frames.head(1, fields, data.is_none()).await;
        if let Some(data) = data {
            frames.frame(DATA, END_STREAM, 1, data).await;
        }
        frames.outcome(1).await
    }

    /// Refused by an answer of 400, 405 or 421, or by the protocol, and never heard of by the server.
    async fn refuses(&self, what: &str, fields: &[Field<'_>], data: Option<&[u8]>) {
        let outcome = self.send(fields, data).await;
        let refused = matches!(
            outcome,
            Outcome::Answered(400 | 405 | 421) | Outcome::Reset(1..) | Outcome::GoneAway(1..) | Outcome::Closed
        );
        assert!(refused, "{what}: {outcome:?}");
        let heard = self.panel.stage.world.server(1).requests();
        assert!(heard.is_empty(), "{what}: a server heard of it: {heard:?}");
    }

    async fn goes_through(&self) {
        assert_eq!(self.send(&self.fields(&[], &[]), None).await, Outcome::Answered(200));
    }
}

#[tokio::test]
async fn w24_fields_of_a_connection() {
    let sender = Sender::new().await;
    for field in [
        ("connection", &b"close"[..]),
        ("upgrade", b"websocket"),
        ("keep-alive", b"timeout=5"),
        ("proxy-connection", b"close"),
        ("te", b"gzip"),
        ("transfer-encoding", b"chunked"),
    ] {
        sender.refuses(field.0, &sender.fields(&[], &[field]), None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w25_bytes_that_are_no_part_of_a_field() {
    let sender = Sender::new().await;
    for field in [
        ("x-a", &b"b\r\nc: d"[..]),
        ("x-a", b"b\nc"),
        ("x-a", b"b\0c"),
        ("x-a\r\nx-b", b"c"),
        ("x-a: b", b"c"),
        ("x a", b"c"),
        ("X-A", b"c"),
        ("", b"c"),
    ] {
        sender.refuses(&format!("{field:?}"), &sender.fields(&[], &[field]), None).await;
    }
    for (name, value) in [(":method", &b"GE T"[..]), (":method", b"GET / HTTP/1.1\r\n"), (":method", b"")] {
        sender.refuses("a method", &sender.fields(&[(name, Some(value))], &[]), None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w26_pseudo_fields_that_are_spelled_oddly() {
    let sender = Sender::new().await;
    for (name, value) in [
        (":path", &b"/a b"[..]),
        (":path", b"/a\r\nb"),
        (":path", b"a"),
        (":path", b""),
        (":path", b"https://evil.example/"),
        (":path", b"//evil.example/"),
        (":path", b"/../x"),
        (":path", b"/%2e%2e/x"),
        (":path", b"/a%2fb"),
        (":path", b"/a\\b"),
        (":path", b"*"),
        (":scheme", b"https://evil/"),
        (":authority", b"web1.connect.example.com:2087/x"),
        (":authority", b"evil.example"),
        (":authority", b""),
    ] {
        let what = format!("{name} {}", String::from_utf8_lossy(value));
        sender.refuses(&what, &sender.fields(&[(name, Some(value))], &[]), None).await;
    }
    for name in [":path", ":method", ":scheme", ":authority"] {
        let twice = sender.fields(&[], &[]);
        let again = twice.iter().find(|(other, _)| *other == name).copied().unwrap();
        let (mut late, mut doubled) = (sender.fields(&[(name, None)], &[again]), twice);
        doubled.insert(0, again);
        sender.refuses(&format!("{name} twice"), &doubled, None).await;
        sender.refuses(&format!("{name} late"), &late, None).await;
        late.retain(|(other, _)| *other != name);
        sender.refuses(&format!("no {name}"), &late, None).await;
    }
    sender.refuses("an unknown one", &sender.fields(&[], &[(":protocol2", b"x")]), None).await;
    sender.goes_through().await;
}

/// The HTTP/2 library takes the fragment away before anybody can see it. What was judged is what is sent.
#[tokio::test]
async fn w11_a_fragment_goes_no_further() {
    let sender = Sender::new().await;
    let path = format!("{}#/../x", sender.panel.home);
    assert_eq!(
        sender.send(&sender.fields(&[(":path", Some(path.as_bytes()))], &[]), None).await,
        Outcome::Answered(200)
    );
    let heard = sender.panel.stage.world.server(1).requests();
    assert_eq!(heard.iter().map(|request| &*request.target).collect::<Vec<_>>(), [&*sender.panel.home]);
}

#[tokio::test]
async fn w27_a_path_that_is_a_query() {
    let sender = Sender::new().await;
    sender.refuses("?a", &sender.fields(&[(":path", Some(b"?a"))], &[]), None).await;
    sender.goes_through().await;
}

#[tokio::test]
async fn w28_one_host_and_one_scheme() {
    let sender = Sender::new().await;
    let host = |value: &'static [u8]| [("host", value)];
    let user = format!("x@{WHM}");
    for (what, fields) in [
        ("plain HTTP", sender.fields(&[(":scheme", Some(b"http"))], &[])),
        ("another scheme", sender.fields(&[(":scheme", Some(b"ftp"))], &[])),
        ("a person", sender.fields(&[(":authority", Some(user.as_bytes()))], &[])),
        ("another host", sender.fields(&[], &host(b"evil.example"))),
        ("a host alone", sender.fields(&[(":authority", None)], &host(WHM.as_bytes()))),
        ("none at all", sender.fields(&[(":authority", None)], &[])),
        ("two hosts", sender.fields(&[], &[("host", WHM.as_bytes()), ("host", WHM.as_bytes())])),
        ("another server of ours", sender.fields(&[(":authority", Some(b"web2.connect.example.com:2087"))], &[])),
    ] {
        sender.refuses(what, &fields, None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w29_a_value_with_a_space_around_it() {
    let sender = Sender::new().await;
    for value in [&b" x"[..], b"x ", b"\tx", b" "] {
        sender.refuses("a space", &sender.fields(&[], &[("accept", value)]), None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w30_lengths_that_differ_from_each_other_or_from_the_body() {
    let sender = Sender::new().await;
    let length = |value: &'static [u8]| ("content-length", value);
    let post = |lengths: &[Field<'static>]| {
        let mut fields = sender.fields(&[(":method", Some(b"POST"))], &[]);
        fields.extend(lengths.iter().map(|(name, value)| (*name, *value)));
        fields
    };
    for (what, lengths, data) in [
        ("5 and 6", vec![length(b"5"), length(b"6")], Some(&b"a=bcd"[..])),
        ("5 and 5", vec![length(b"5"), length(b"5")], Some(b"a=bcd")),
        ("0 and 5, no body", vec![length(b"0"), length(b"5")], None),
        ("+5", vec![length(b"+5")], Some(b"a=bcd")),
        ("a list", vec![length(b"5, 5")], Some(b"a=bcd")),
    ] {
        sender.refuses(what, &post(&lengths), data).await;
    }
    // A body that is shorter or longer than it says never becomes a whole one at the server.
    for (said, data) in [(&b"6"[..], &b"a=bcd"[..]), (b"4", b"a=bcd"), (b"5", b"")] {
        let outcome = sender.send(&post(&[("content-length", said)]), Some(data)).await;
        assert_ne!(outcome, Outcome::Answered(200), "{said:?}");
    }
    let heard = sender.panel.stage.world.server(1).requests();
    assert!(heard.iter().all(|request| request.status != Some(200)), "{heard:?}");
    let good = sender.send(&post(&[length(b"5")]), Some(b"a=bcd")).await;
    assert_eq!(good, Outcome::Answered(200));
}

#[tokio::test]
async fn w31_connect() {
    let sender = Sender::new().await;
    let plain = [(":method", &b"CONNECT"[..]), (":authority", b"evil.example:443")];
    sender.refuses("plain", &plain, None).await;
    let other = sender.fields(&[(":method", Some(b"CONNECT"))], &[]);
    let mut protocol = other.clone();
    protocol.insert(0, (":protocol", b"connect-udp"));
    sender.refuses("another protocol", &protocol, None).await;
    sender.refuses("with a path", &other, None).await;
    sender.goes_through().await;
}

#[tokio::test]
async fn w19_trailers_of_a_stream_are_dropped() {
    let sender = Sender::new().await;
    let mut frames = Frames::connect(&sender.panel.stage, "web1.connect.example.com", 2087).await;
    let form = ("content-type", &b"application/x-www-form-urlencoded"[..]);
    frames
        .head(1, &sender.fields(&[(":method", Some(b"POST"))], &[form, ("trailer", b"x-forwarded-for")]), false)
        .await;
    frames.frame(DATA, 0, 1, b"a=bcd").await;
    frames.head(1, &[("x-forwarded-for", b"192.0.2.1")], true).await;
    assert_eq!(frames.outcome(1).await, Outcome::Answered(200));
    let heard = sender.panel.stage.world.server(1).requests().pop().unwrap();
    assert_eq!((&*heard.body, heard.header("x-forwarded-for"), heard.header("trailer")), ("a=bcd", None, None));
}

#[tokio::test]
async fn w04_a_name_with_an_underscore_goes_no_further_over_http_2() {
    let sender = Sender::new().await;
    let fields = sender.fields(&[], &[("transfer_encoding", b"chunked"), ("x_forwarded_for", b"192.0.2.1")]);
    assert_eq!(sender.send(&fields, None).await, Outcome::Answered(200));
    let heard = sender.panel.stage.world.server(1).requests().pop().unwrap();
    assert!(heard.headers.iter().all(|(name, _)| !name.contains('_')), "{:?}", heard.headers);
}

#[tokio::test]
async fn w12_w13_targets_that_are_spelled_oddly_over_http_2() {
    let sender = Sender::new().await;
    for odd in [
        &b"a\"b"[..],
        b"a{b}",
        b"a<b",
        b"a^b",
        b"a`b",
        b"\xc3\xa9",
        b"\xff\xfe",
        b"a//b",
        b"./b",
        b"..;/x/../y",
        b"%2e/",
        b"a%2Fb",
        b"a%5cb",
        b"a%00",
        b"a%7f",
        b"%61",
        b"a%zz",
        b"a%2",
        b"a\tb",
    ] {
        let path = [sender.panel.home.as_bytes(), odd].concat();
        sender.refuses(&format!("{odd:?}"), &sender.fields(&[(":path", Some(&path))], &[]), None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w15_methods_of_others_over_http_2() {
    let sender = Sender::new().await;
    for method in [&b"TRACE"[..], b"FROB", b"get", b"PRI", b"OPTIONS"] {
        let path: &[u8] = if method == b"OPTIONS" { b"*" } else { sender.panel.home.as_bytes() };
        let fields = sender.fields(&[(":method", Some(method)), (":path", Some(path))], &[]);
        sender.refuses(&String::from_utf8_lossy(method), &fields, None).await;
    }
    sender.goes_through().await;
}

#[tokio::test]
async fn w20_a_body_on_get_over_http_2() {
    let sender = Sender::new().await;
    for method in [&b"GET"[..], b"HEAD", b"OPTIONS"] {
        let sized = sender.fields(&[(":method", Some(method))], &[("content-length", b"3")]);
        sender.refuses("a length", &sized, Some(b"abc")).await;
    }
    // One that nobody announced is left where it is.
    assert_eq!(sender.send(&sender.fields(&[], &[]), Some(b"abc")).await, Outcome::Answered(200));
    let heard = sender.panel.stage.world.server(1).requests().pop().unwrap();
    assert_eq!((heard.body_length, heard.header("content-length"), heard.header("transfer-encoding")), (0, None, None));
}

#[tokio::test]
async fn w21_expectations_over_http_2() {
    let sender = Sender::new().await;
    for (what, expected) in [
        (&b"y 100-continue"[..], Outcome::Answered(417)),
        (b"200-ok", Outcome::Answered(417)),
        (b"100-continue", Outcome::Answered(200)),
    ] {
        let fields = sender.fields(&[(":method", Some(b"POST"))], &[("expect", what), ("content-length", b"5")]);
        assert_eq!(sender.send(&fields, Some(b"a=bcd")).await, expected, "{what:?}");
    }
    let heard = sender.panel.stage.world.server(1).requests();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!((&*heard[0].body, heard[0].header("expect")), ("a=bcd", None));
}
