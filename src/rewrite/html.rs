//! A panel's page on its way to the browser: the addresses in its elements, and our script in front.
//!
//! Only what leads somewhere is touched: addresses with one of the server's own origins get ours, `_top` and
//! `_parent` stay within the console's frame. Texts, scripts, data and fields stay byte for byte, because
//! people read and save them. What scripts build later is caught by the script (`console/assets/panel.js`).

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use encoding_rs::Encoding;
use lol_html::AsciiCompatibleEncoding;
use lol_html::MemorySettings;
use lol_html::element;
use lol_html::html_content::ContentType;
use lol_html::send::Element;
use lol_html::send::HtmlRewriter;
use lol_html::send::Settings;

use crate::rewrite::address::PanelAddresses;
use crate::rewrite::address::one_time_user;
use crate::rewrite::response::refreshed;

/// Bytes that a page's longest tag may have. A page with a longer one is passed on unchanged from there.
const LONGEST_TAG: usize = 1024 * 1024;

/// Attributes that hold one address.
const ADDRESSES: [&str; 7] = ["href", "src", "action", "formaction", "data", "poster", "background"];

/// Attributes that name the window that an address is for, and where their word is kept for our script.
const TARGETS: [(&str, &str); 2] = [("target", "data-panelgate-target"), ("formtarget", "data-panelgate-formtarget")];

/// A page being rewritten, piece by piece.
pub struct PageLinks {
    /// Nothing once the page has been given up: the rest passes as it is.
    rewriter: Option<HtmlRewriter<'static, Out>>,
    out: Arc<Mutex<Vec<u8>>>,
}

type Out = Box<dyn FnMut(&[u8]) + Send>;

impl PageLinks {
    /// For the answer to a request for `path`, which says that it is in this character encoding (a label of
    /// the Encoding standard; UTF-8 if it does not say). `script` is the address of our script, and `nonce`
    /// what the page's own policy asks of scripts.
    ///
    /// Nothing if the encoding is none in which tags could be found.
    pub fn new(
        addresses: Arc<PanelAddresses>,
        path: &str,
        encoding: Option<&str>,
        script: &str,
        nonce: Option<&str>,
    ) -> Option<Self> {
        let encoding = match encoding {
            None => AsciiCompatibleEncoding::utf_8(),
            Some(label) => AsciiCompatibleEncoding::new(Encoding::for_label(label.as_bytes())?)?,
        };
        let out = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&out);
        let mut tag = Some(script_tag(&addresses, script, nonce));
        let path = path.to_owned();
        let memory = MemorySettings::new()
            .with_preallocated_parsing_buffer_size(1024)
            .with_max_allowed_memory_usage(LONGEST_TAG)
            .with_graceful_bail_out_on_memory_limit_exceeded(true);
        let settings = Settings::new_send()
            .with_strict(false)
            .with_encoding(encoding)
            .with_memory_settings(memory)
            .append_element_content_handler(element!("*", move |element| {
                put_first(&mut tag, element);
                rewrite(element, &path, &addresses)
            }));
        let write: Out = Box::new(move |bytes: &[u8]| locked(&sink).extend_from_slice(bytes));
        Some(Self { rewriter: Some(HtmlRewriter::new(settings, write)), out })
    }

    /// Takes in a piece and gives what is ready.
    pub fn write(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(rewriter) = &mut self.rewriter else { return piece.to_vec() };
        if rewriter.write(piece).is_err() {
            // What was held has come out as it was, and so does what follows.
            self.rewriter = None;
        }
        self.take()
    }

    /// Gives what is left at the end of the page.
    pub fn end(&mut self) -> Vec<u8> {
        // At the end there is nothing left that could fail but what has come out already.
        drop(self.rewriter.take().map(HtmlRewriter::end));
        self.take()
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *locked(&self.out))
    }
}

fn locked(out: &Mutex<Vec<u8>>) -> std::sync::MutexGuard<'_, Vec<u8>> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for PageLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageLinks").field("gives_up", &self.rewriter.is_none()).finish_non_exhaustive()
    }
}

/// Puts our script in front of everything that could need it: first in the head.
fn put_first(tag: &mut Option<String>, element: &mut Element<'_, '_>) {
    match element.tag_name().as_str() {
        "html" => {}
        "head" => {
            if let Some(tag) = tag.take() {
                element.prepend(&tag, ContentType::Html);
            }
        }
        _ => {
            if let Some(tag) = tag.take() {
                element.before(&tag, ContentType::Html);
            }
        }
    }
}

fn rewrite(
    element: &mut Element<'_, '_>,
    path: &str,
    addresses: &PanelAddresses,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    for name in ADDRESSES {
        if let Some(ours) = element.get_attribute(name).and_then(|written| addresses.with_our_origin(&written)) {
            element.set_attribute(name, &ours)?;
        }
    }
    // A key for a session that the server has made for a hop. Ours needs the name alone.
    if element.tag_name() == "input"
        && element.get_attribute("name").as_deref() == Some("session")
        && let Some(login) = element.get_attribute("value")
        && let Some(user) = one_time_user(&login)
    {
        element.set_attribute("value", user)?;
    }
    for (name, kept) in TARGETS {
        let Some(target) = element.get_attribute(name).map(|target| target.to_ascii_lowercase()) else { continue };
        if matches!(target.as_str(), "_top" | "_parent") {
            element.set_attribute(name, "_self")?;
            element.set_attribute(kept, &target)?;
        }
    }
    let refreshes = element.tag_name() == "meta"
        && element.get_attribute("http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh"));
    if refreshes
        && let Some(content) = element.get_attribute("content")
        && let Some(ours) = refreshed(&decoded(&content), path, addresses)
    {
        element.set_attribute("content", &encoded(&ours))?;
    }
    Ok(())
}

/// An attribute's text with the characters that addresses hold escaped read back (HTML standard,
/// "character references").
fn decoded(text: &str) -> String {
    [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&#38;", "&"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (reference, plain)| text.replace(reference, plain))
}

fn encoded(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// The element that loads our script, with what it has to know: the server's names, and our origins.
fn script_tag(addresses: &PanelAddresses, script: &str, nonce: Option<&str>) -> String {
    let names: Vec<String> = addresses.names().map(|name| name.to_string()).collect();
    let origins: Vec<String> = addresses
        .origins
        .iter()
        .map(|(service, origin)| format!(" data-{}=\"{origin}\"", service.host_label()))
        .collect();
    let origins = origins.concat();
    let nonce = nonce.map(|nonce| format!(" nonce=\"{}\"", encoded(nonce))).unwrap_or_default();
    format!("<script src=\"{}\" data-names=\"{}\"{origins}{nonce}></script>", encoded(script), names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::address::tests::addresses;

    /// A page rewritten in pieces of so many bytes.
    fn rewritten(page: &str, piece: usize) -> String {
        let mut links = PageLinks::new(Arc::new(addresses()), "/cpsess1/scripts/x", None, "/s.js", None).unwrap();
        let mut out = Vec::new();
        for bytes in page.as_bytes().chunks(piece) {
            out.extend(links.write(bytes));
        }
        out.extend(links.end());
        String::from_utf8(out).unwrap()
    }

    const TAG: &str = "<script src=\"/s.js\" data-names=\"web1.hosting.example 192.0.2.1\" \
                       data-whm=\"https://web1.connect.example.com:2087\" \
                       data-cpanel=\"https://web1.connect.example.com:2083\" \
                       data-webmail=\"https://web1.connect.example.com:2096\"></script>";

    #[test]
    fn addresses_in_elements_lead_to_us_and_nothing_else_changes() {
        let page = "<!doctype html><html><head><base href=\"https://web1.hosting.example:2087/cpsess1/\">\
            <META HTTP-EQUIV=\"refresh\" CONTENT=\"2;URL=https://web1.hosting.example:2087/y?a=1&amp;b=2\"></head>\
            <body><a href='//web1.hosting.example:2083/x'>https://web1.hosting.example:2083/x</a>\
            <form action=https://web1.hosting.example:2096/cpsess2/login/ target=_TOP>\
            <input name=session value=\"a@b.c:R4nd:CREATE,00ff\"><textarea>\
            <a href=\"https://web1.hosting.example:2083/\"></textarea>\
            <input value=\"https://web1.hosting.example:2083/\"></form>\
            <script>var a = '<a href=\"https://web1.hosting.example:2083/\">';</script>\
            <!-- <a href=\"https://web1.hosting.example:2083/\"> -->\
            <a href=\"https://evil.example/\" target=\"_blank\">é</a><img src=https://192.0.2.1:2096/dot.svg>";
        let expected = "<!doctype html><html><head>TAG<base href=\"https://web1.connect.example.com:2087/cpsess1/\">\
            <META HTTP-EQUIV=\"refresh\" content=\"2; url=/y?a=1&amp;b=2\"></head>\
            <body><a href=\"https://web1.connect.example.com:2083/x\">https://web1.hosting.example:2083/x</a>\
            <form action=\"/.panelgate/hop/webmaild\" target=\"_self\" data-panelgate-target=\"_top\">\
            <input name=session value=\"a@b.c\"><textarea>\
            <a href=\"https://web1.hosting.example:2083/\"></textarea>\
            <input value=\"https://web1.hosting.example:2083/\"></form>\
            <script>var a = '<a href=\"https://web1.hosting.example:2083/\">';</script>\
            <!-- <a href=\"https://web1.hosting.example:2083/\"> -->\
            <a href=\"https://evil.example/\" target=\"_blank\">é</a>\
            <img src=\"https://web1.connect.example.com:2096/dot.svg\">"
            .replace("TAG", TAG);
        for piece in [1, 7, 4096] {
            assert_eq!(rewritten(page, piece).replace("CONTENT=", "content="), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_refresh_that_leads_away_goes_through_our_page() {
        let page = "<meta http-equiv=refresh content=\"0; url=https://evil.example/?a&amp;b\">";
        let out = rewritten(page, 4096);
        assert!(out.contains("content=\"0; url=/.panelgate/leave?to=https%3A%2F%2Fevil.example%2F%3Fa%26b\""), "{out}");
    }

    #[test]
    fn our_script_comes_first_where_there_is_no_head() {
        for (page, expected) in [
            ("<body><p>x", "TAG<body><p>x"),
            ("<html><body>", "<html>TAG<body>"),
            ("<p>a<p>b", "TAG<p>a<p>b"),
            ("no elements", "no elements"),
            ("", ""),
        ] {
            assert_eq!(rewritten(page, 4096), expected.replace("TAG", TAG));
        }
        let links = PageLinks::new(Arc::new(addresses()), "/", Some("windows-1252"), "/s.js", Some("a\"b"));
        let mut links = links.unwrap();
        let out = links.write(b"<p title=\xe9><a href=//web1.hosting.example:2087/\xe9>\xe9");
        assert!(out.ends_with(b"<p title=\xe9><a href=\"https://web1.connect.example.com:2087/\xe9\">\xe9"), "{out:?}");
        assert!(String::from_utf8_lossy(&out).contains(" nonce=\"a&quot;b\">"));
        assert!(PageLinks::new(Arc::new(addresses()), "/", Some("utf-16"), "/s.js", None).is_none());
        assert!(PageLinks::new(Arc::new(addresses()), "/", Some("nonsense"), "/s.js", None).is_none());
    }

    #[test]
    fn what_is_too_long_passes_as_it_is() {
        let long = format!("<p><a href=\"{}\"><a href=\"//web1.hosting.example:2087/\">x", "y".repeat(2 * LONGEST_TAG));
        let out = rewritten(&long, 64 * 1024);
        assert_eq!(out, format!("{TAG}{long}"));
    }

    #[test]
    fn a_page_that_trickles_is_not_held_back() {
        let mut links = PageLinks::new(Arc::new(addresses()), "/", None, "/s.js", None).unwrap();
        links.write(b"<pre>");
        assert_eq!(links.write(b"line 1\n"), b"line 1\n");
        assert_eq!(links.write(b"line 2\n"), b"line 2\n");
    }
}
