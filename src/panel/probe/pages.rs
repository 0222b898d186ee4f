//! Pages: without a session, with one, and with what is not one.

use http::HeaderValue;
use http::Method;
use http::Request;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::header::COOKIE;
use http::header::HOST;
use http::header::REFERER;

use crate::panel::probe::Probe;
use crate::panel::probe::reading::decoded;
use crate::panel::probe::reading::has_framing_headers;
use crate::panel::probe::reading::leads_to;
use crate::panel::whm_api;
use crate::upstream::empty;

/// A page path that needs no privilege.
const PAGE: &str = "/scripts/command?PFILE=main";

pub(super) async fn without_session(probe: &mut Probe<'_>) {
    if let Some(heard) = probe.get("asking for / without a cookie", "/", None).await {
        let clears = heard.cookies().any(|line| line.starts_with("whostmgrrelogin=no"));
        let holds = heard.status == StatusCode::OK && heard.is_sign_in() && clears;
        probe.judge("root_without_cookie", holds, &heard.line(), "false");
        let is_framed = has_framing_headers(&heard);
        probe.judge("framing_headers", is_framed, "on the sign-in page", "false");
        let server = heard.header("server").map(str::to_owned);
        let seen = server.clone().unwrap_or_else(|| "none".to_owned());
        probe.judge("server_header", server.is_none(), &seen, &format!("Some({seen:?})"));
    }
    let request = probe.request(&Method::GET, "/");
    let authorization = whm_api::authorization(probe.subject.credential);
    if let Ok(authorization) = authorization {
        let request = request.header(AUTHORIZATION, authorization).body(empty());
        if let Some(heard) = probe.hear("showing the API token to a page", "GET / with the API token", request).await {
            let holds = heard.is_sign_in() || matches!(heard.status.as_u16(), 401 | 403);
            probe.judge("token_on_page", holds, &heard.line(), "true");
        }
    }
    let other = Request::builder().uri("/").header(HOST, "panelgate-probe.invalid:2087").body(empty());
    if let Some(heard) = probe.hear("asking under another name", "GET / as panelgate-probe.invalid", other).await {
        probe.judge("host_name", !heard.status.is_redirection(), &heard.line(), "true");
    }
}

pub(super) async fn with_session(probe: &mut Probe<'_>, landing: &str) {
    let Some((cookies, prefix)) = held(probe) else { return };
    let home = format!("{prefix}/");
    let some = || Some(cookies.clone());
    if let Some(heard) = probe.get("looking at the first page", landing, some()).await {
        if !has_framing_headers(&heard) {
            probe.judge("framing_headers", false, "not on the first page", "false");
        }
        let is_page = heard.status == StatusCode::OK && !heard.has("security question");
        probe.judge("questions", is_page, &heard.line(), "true");
    }
    if let Some(heard) = probe.get("asking for a page without security token", PAGE, some()).await {
        probe.judge("token_required", heard.status != StatusCode::OK, &heard.line(), "false");
    }
    if let Some(heard) = probe.get("asking for / with a cookie", "/", some()).await {
        let to = leads_to(&heard).unwrap_or_default();
        let holds = heard.status.is_redirection() && to.contains("/cpsess");
        probe.judge("root_with_cookie", holds, &heard.line(), "false");
    }
    if let Some(heard) = probe.get("asking for a page without cookie", &home, None).await {
        probe.judge("no_cookie", heard.status == StatusCode::UNAUTHORIZED && heard.is_sign_in(), &heard.line(), "");
    }
    let api = format!("{prefix}/json-api/version?api.version=1");
    if let Some(heard) = probe.get("calling the API without cookie", &api, None).await {
        let is_json = heard.json().is_some_and(|json| json.pointer("/cpanelresult/error").is_some());
        probe.judge("dead_api_session", heard.status == StatusCode::FORBIDDEN && is_json, &heard.line(), "false");
    }
    referrer(probe, &api, some()).await;
    if let Some(as_decoded) = decoded_cookies(&cookies)
        && let Some(heard) = probe.get("showing the cookie decoded", landing, Some(as_decoded)).await
    {
        probe.judge("cookie_bytes", heard.status != StatusCode::OK || heard.is_sign_in(), &heard.line(), "false");
    }
    let wrong = format!("/cpsess{}/", if prefix.ends_with('0') { "1111111111" } else { "0000000000" });
    if let Some(heard) = probe.get("showing a wrong security token, once", &wrong, some()).await {
        probe.judge("wrong_token", heard.status == StatusCode::UNAUTHORIZED && heard.is_sign_in(), &heard.line(), "");
    }
    if let Some(heard) = probe.get("looking whether the session lives", landing, some()).await {
        let lives = heard.status == StatusCode::OK && !heard.is_sign_in();
        probe.judge("wrong_token_once", lives, &heard.line(), "Some(1)");
    }
}

/// What a failed referrer check looks like, where there are checks.
async fn referrer(probe: &mut Probe<'_>, api: &str, cookies: Option<HeaderValue>) {
    let are_on = probe.findings.get("referrer_checks").is_some_and(|finding| !finding.double.is_empty());
    if !are_on {
        return probe.unseen("referrer_refusal", "referrer checks are off");
    }
    let mut request = probe.request(&Method::GET, api).header(REFERER, "https://panelgate-probe.invalid/");
    if let Some(cookies) = cookies {
        request = request.header(COOKIE, cookies);
    }
    let shown = "GET /cpsess…/json-api/version with another site's Referer";
    if let Some(heard) = probe.hear("coming from another site", shown, request.body(empty())).await {
        probe.judge(
            "referrer_refusal",
            heard.status == StatusCode::UNAUTHORIZED && heard.is_sign_in(),
            &heard.line(),
            "Forbidden",
        );
    }
}

fn held(probe: &Probe<'_>) -> Option<(HeaderValue, String)> {
    let opened = probe.opened.as_ref()?;
    Some((opened.jar.header(&[])?, opened.token.expose_prefix()))
}

/// The cookies decoded; nothing, if that changes nothing.
fn decoded_cookies(cookies: &HeaderValue) -> Option<HeaderValue> {
    let text = cookies.to_str().ok()?;
    let plain = decoded(text);
    let mut value = HeaderValue::from_str(&plain).ok().filter(|_| plain != text)?;
    value.set_sensitive(true);
    Some(value)
}
