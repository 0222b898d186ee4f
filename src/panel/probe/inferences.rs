//! What is believed about cpsrvd, and on what it rests: the table that a probe holds against a real server.

/// Something that Panelgate, or the double that it is tested with, takes for true.
#[derive(Clone, Copy, Debug)]
pub struct Inference {
    /// Its name in reports. It never changes.
    pub id: &'static str,
    /// What is believed.
    pub says: &'static str,
    /// Where in `docs/cpsrvd.md` it stands.
    pub section: &'static str,
    /// The numbers of the double's behaviours; the tests of one begin with `bNN_`.
    pub behaviours: &'static [u8],
    /// The double's switch for it; empty, if there is none.
    pub switch: &'static str,
    /// What to do where a server differs.
    pub copes: &'static str,
}

const NOTHING: &str = "nothing has to be set: Panelgate copes with both";
const TELL: &str = "no setting copes with it: send this report to the maintainers";

/// The table, in the order of reports.
#[rustfmt::skip]
pub const INFERENCES: &[Inference] = &[
    row("version_shape", "`version` answers in the shape of API 1", "1, 8", &[19], "version_shape", NOTHING),
    row("api_answers", "API calls with a token are not interrupted by a security policy", "1", &[18], "api_security_policy", "WHM, Configure Security Policies: switch \"API requests\" off"),
    row("unknown_function", "an unknown function is answered with 200 and a text that names it", "1", &[20], "", TELL),
    row("unknown_account", "an unknown account is answered with 200, result 0, an XID and curly quotes", "1", &[15], "typographic_failures", NOTHING),
    row("session_by_post", "`create_user_session` may be called with POST", "1", &[14], "session_call_by_post", TELL),
    row("session_by_get", "`create_user_session` may be called with GET", "1", &[14], "", NOTHING),
    row("chosen_token", "`cp_security_token` is honoured", "1", &[16], "honour_security_token", "nothing has to be set: pages are led to the server's own token, and open pages are told when a session is renewed"),
    row("expires_number", "`expires` is a number", "1", &[14], "", NOTHING),
    row("login_cookie", "the first answer to a login URL carries the session cookie", "3.1", &[22], "", NOTHING),
    row("login_status", "that answer has the status 307", "3.1", &[22], "login_answer", NOTHING),
    row("login_location", "it leads on by a relative address under the security token", "3.1", &[22], "absolute_redirects", NOTHING),
    row("cookie_attributes", "the session cookie has HttpOnly, path=/, port= and secure, and no SameSite", "3.2", &[23], "same_site_lax", NOTHING),
    row("clearing_cookies", "the answer clears relogin cookies", "3.2", &[24], "clearing_cookies", NOTHING),
    row("spent_login", "a login URL that was used gives 401 Token Denied", "2", &[25], "spent_login_url", NOTHING),
    row("framing_headers", "pages, the sign-in page included, have X-Frame-Options and nosniff", "5.4", &[41], "x_frame", "switch it on in Tweak Settings (X-Frame-Options for cpsrvd): Panelgate replaces it for browsers, others need it"),
    row("questions", "a session of the API meets no security questions", "8", &[37], "security_questions", "WHM, Configure Security Policies: exempt the gateway's address from verified IP addresses"),
    row("token_required", "a page path without security token is refused with a cookie", "3.3", &[26], "require_security_token", NOTHING),
    row("no_cookie", "a page path without cookie gives 401 Token Denied", "3.3", &[26], "", NOTHING),
    row("root_with_cookie", "`/` with a cookie redirects to the security token", "3.3", &[27], "redirect_to_security_token", NOTHING),
    row("wrong_token", "a wrong security token gives 401 Token Denied", "3.3", &[28], "", NOTHING),
    row("wrong_token_once", "one wrong security token does not end the session", "3.3", &[28], "wrong_token_limit", NOTHING),
    row("dead_api_session", "an API path without session gives 403 and JSON", "3.3", &[29], "json_for_dead_api_session", NOTHING),
    row("root_without_cookie", "`/` without cookie shows the sign-in page with 200, and clears a relogin cookie", "3.3", &[30], "login_page_at_root", NOTHING),
    row("cookie_bytes", "a session cookie counts as it was sent, and not decoded", "3.2", &[34], "cookies_byte_for_byte", NOTHING),
    row("token_on_page", "an API token opens no page", "1", &[13], "tokens_open_pages", NOTHING),
    row("host_name", "another name in Host is served and not redirected", "4", &[52], "canonical_host", NOTHING),
    row("server_header", "there is no Server header", "4", &[6], "server_header", NOTHING),
    row("closes", "redirects, 401 and 403 close the connection", "4", &[3], "", NOTHING),
    row("keeps", "other answers leave it open", "4", &[3], "keep_alive", NOTHING),
    row("reasons", "reason phrases are cpsrvd's own (307 Moved, 403 Forbidden Access denied)", "4", &[5], "captured_spelling", NOTHING),
    row("cookie_ip", "sessions count from the address that they were opened from", "4", &[32], "cookie_ip_validation", "nothing has to be set; strict is the safest, switch it back on if you did not mean it"),
    row("referrer_checks", "referrer checks are off", "4", &[38], "referrer_safety", "nothing has to be set: Panelgate writes Referer and Origin anew"),
    row("blank_referrer_checks", "a blank referrer is let through", "4", &[39], "referrer_blank_safety", "nothing has to be set: Panelgate sends a referrer"),
    row("referrer_refusal", "a failed referrer check gives a sign-in page with 401", "8", &[40], "referrer_refusal", NOTHING),
    row("plain_ports", "the plain-text ports only redirect", "4", &[10], "require_ssl", "switch it on in Tweak Settings (Require SSL); close 2082, 2086 and 2095 in the firewall"),
    row("csp", "pages have no Content-Security-Policy", "4", &[42], "csp", NOTHING),
    row("logout_place", "logging out leads to the sign-in page", "2", &[35], "logout_redirect_url", "nothing has to be set: Panelgate answers logouts itself"),
    row("two_factor", "there is no second factor, so that a logout ends one session", "2", &[35], "two_factor", "nothing has to be set: sessions are left to end by being idle then"),
    row("login_access", "root, owners and users may enter an account", "4", &[17], "account_login_access", "set it to \"Root, Account-Owner, and cPanel User\" in Tweak Settings, or give rules the owner's account"),
    row("access_hash", "access hashes count for nothing", "1", &[11], "allow_accesshash", "switch it off in Tweak Settings: nothing of Panelgate's uses it"),
    row("connections", "200 connections are served at once", "4", &[8], "handler_cap", "keep limits.requests_per_server below it"),
    row("bad_token", "a wrong API token gives 403, text/plain, no metadata", "1", &[12], "", TELL),
    row("weak_token", "a call without its privilege gives 200, result 0 and \"Permission denied\"", "1, 8", &[12], "", NOTHING),
    row("allow_list", "a token of other addresses is refused like a wrong one", "1, 8", &[12], "", NOTHING),
    row("logged_out", "after a logout the session is gone", "2", &[35], "", NOTHING),
    // What no probe sees: said, so that nobody takes it for known.
    row("idle", "a session dies after 15 minutes without use", "2", &[31], "idle_limit", NOTHING),
    row("other_address", "another address is refused with a sign-in page", "3.3", &[32], "cookie_ip_validation", NOTHING),
    row("forwarded", "forwarded addresses count from the server's own proxy alone", "4", &[33], "local_proxy", NOTHING),
    row("hops", "WHM leads to a customer's cPanel by /xfercpanel", "5.5", &[50], "hops", "nothing has to be set: Panelgate opens it itself"),
    row("terminal", "a terminal wants its own Origin", "6", &[53], "websocket_origin", NOTHING),
    row("tools", "phpMyAdmin and Roundcube resist framing and check Referer", "5.4", &[47, 48], "phpmyadmin_frame_busting, roundcube_referer_check", NOTHING),
    row("http2", "HTTP/2 is not offered", "4", &[1], "alpn", NOTHING),
    row("suspended", "no session is created for a suspended account", "1, 8", &[14], "suspended_sessions", NOTHING),
];

const fn row(
    id: &'static str,
    says: &'static str,
    section: &'static str,
    behaviours: &'static [u8],
    switch: &'static str,
    copes: &'static str,
) -> Inference {
    Inference { id, says, section, behaviours, switch, copes }
}
