//! The behaviours of the double: one row each, with what is known about the real server.
//!
//! A correction by a real server is one line here: the evidence, and the default of the switch.

use std::fmt;

/// One behaviour (`docs/cpsrvd.md`, section 10).
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Its number. Tests of it begin with `bNN_`.
    pub number: u8,
    /// What it is.
    pub title: &'static str,
    /// What it rests on.
    pub evidence: Evidence,
    /// The fields of [`Switches`](super::Switches) or settings that govern it.
    pub switch: &'static str,
}

/// What a behaviour rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Documented by the vendor.
    Documented,
    /// Documented in part, seen in part.
    DocumentedAndSeen,
    /// Documented in part, inferred in part.
    DocumentedAndInferred,
    /// Seen on real servers.
    Seen,
    /// Seen in part, inferred in part.
    SeenAndInferred,
    /// Inferred only.
    Inferred,
    /// Not a behaviour of the real server.
    Ours,
}

use Evidence::Documented as D;
use Evidence::DocumentedAndInferred as DI;
use Evidence::DocumentedAndSeen as DS;
use Evidence::Inferred as I;
use Evidence::Ours;
use Evidence::Seen as S;
use Evidence::SeenAndInferred as SI;

/// All behaviours, by number.
#[rustfmt::skip]
pub const ALL: &[Behaviour] = &[
    row(1, "HTTP/1.1 only; ALPN offers no h2", SI, "alpn"),
    row(2, "TLS 1.2 and up, self-signed by default; expired, wrong name, rotating", DI, "certificate, tls_versions, rotate_identity"),
    row(3, "Connection: close on logins, redirects, 401, 403; else keep-alive or close", S, "keep_alive, keep_alive_idle"),
    row(4, "Body framing rotates by path", D, "framing"),
    row(5, "Mixed header-name case, quoted charset, own reason phrases", S, "captured_spelling"),
    row(6, "No Server header", S, "server_header"),
    row(7, "Ambiguous requests are refused and logged", I, "refuse_ambiguous_requests"),
    row(8, "Beyond the handler cap, connections stall and close", DI, "handler_cap, overload_stall"),
    row(9, "Faults on demand", SI, "faults(), refuse_connections"),
    row(10, "Plain-text ports redirect to TLS with absolute URLs", D, "require_ssl"),
    row(11, "Authorization schemes whm, WHM, cpanel, Basic, accesshash", DS, "allow_accesshash"),
    row(12, "API tokens with ACLs, end and allow-list", SI, "tokens, revoke_token"),
    row(13, "A token on a page path gives 401", DI, "tokens_open_pages"),
    row(14, "create_user_session by GET and POST, all parameters", D, "session_call_by_post, suspended_sessions"),
    row(15, "Failure texts with curly quotes and a random XID", S, "typographic_failures"),
    row(16, "preferred_domain and cp_security_token are honoured", D, "honour_preferred_domain, honour_security_token"),
    row(17, "account_login_access decides who may enter", D, "account_login_access"),
    row(18, "Security policies interrupt API calls with an HTML page", D, "api_security_policy"),
    row(19, "Status calls in their odd shapes", DS, "version_shape, service_subdomains"),
    row(20, "The text about an unknown function", S, "none: the name decides"),
    row(21, "Login URLs: once, in time, on one service", DI, "login_url_lifetime"),
    row(22, "The first answer sets the cookie; its status varies", SI, "login_answer, absolute_redirects"),
    row(23, "Set-Cookie as captured, without SameSite", S, "same_site_lax"),
    row(24, "Clearing cookies in the same answer", S, "clearing_cookies"),
    row(25, "A spent login URL gives 401 Token Denied", I, "spent_login_url"),
    row(26, "Pages need cookie and matching first path element", D, "require_security_token"),
    row(27, "Cookie without token on / redirects", S, "redirect_to_security_token"),
    row(28, "Wrong tokens: 401, message, the third one kills", S, "wrong_token_limit"),
    row(29, "Dead sessions on API paths: 403 JSON", S, "json_for_dead_api_session"),
    row(30, "No cookie on /: login page", S, "login_page_at_root"),
    row(31, "Sessions die when idle", D, "idle_limit"),
    row(32, "Cookie IP validation", DS, "cookie_ip_validation"),
    row(33, "Forwarded addresses count from the local proxy only", DI, "local_proxy"),
    row(34, "Cookies count on their own service, byte for byte", DI, "cookies_byte_for_byte"),
    row(35, "Logout, external redirect, 2FA ends all sessions", D, "logout_redirect_url, two_factor"),
    row(36, "Password logins and cPHulk", DS, "hulk, hulk_per_address, hulk_per_account, two_factor"),
    row(37, "Security questions after single sign-on", I, "security_questions"),
    row(38, "referrersafety", D, "referrer_safety"),
    row(39, "referrerblanksafety", D, "referrer_blank_safety"),
    row(40, "A failed referrer check gives a login page", I, "referrer_refusal"),
    row(41, "X-Frame-Options and nosniff everywhere", D, "x_frame"),
    row(42, "A policy with a nonce on two pages", DI, "csp"),
    row(43, "Absolute URLs take their name from Host", S, "absolute_from_host"),
    row(44, "A page with awkward links", SI, "absolute_from_host (page: links)"),
    row(45, "Pages derive their identity from their address", D, "none: the address decides (page: path)"),
    row(46, "WHM frames WHM two deep", D, "x_frame (page: home)"),
    row(47, "A tool that resists framing", D, "phpmyadmin_frame_busting"),
    row(48, "A tool with cookies and a Referer check of its own", DS, "roundcube_referer_check"),
    row(49, "Assets without token, cacheable, compressed", S, "gzip_assets"),
    row(50, "Hop from WHM to cPanel", S, "hops"),
    row(51, "Hop from cPanel to Webmail", D, "none: remote_address and the account decide"),
    row(52, "No host check, or a redirect to the host name", DI, "canonical_host"),
    row(53, "Terminal WebSocket", SI, "websocket_origin, shell_close"),
    row(54, "Database dump WebSocket", D, "dump_end"),
    row(55, "Uploads are counted, answered at the end, or cut", SI, "upload_limit"),
    row(56, "Downloads with a length or until close", S, "download_bytes, download_length"),
    row(57, "Streaming pages and events", I, "trickle_interval, trickle_cue, trickle_lines"),
    row(58, "Account transfer takes over the socket", S, "account_transfer"),
    row(59, "Access log and session log", D, "write_logs"),
    row(60, "Requests recorded as received", Ours, "record_requests"),
];

const fn row(number: u8, title: &'static str, evidence: Evidence, switch: &'static str) -> Behaviour {
    Behaviour { number, title, evidence, switch }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>2} [{}] {} ({})", self.number, self.evidence, self.title, self.switch)
    }
}

impl fmt::Display for Evidence {
    /// D, S and I as in `docs/cpsrvd.md`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "D",
            Self::DocumentedAndSeen => "D/S",
            Self::DocumentedAndInferred => "D/I",
            Self::Seen => "S",
            Self::SeenAndInferred => "S/I",
            Self::Inferred => "I",
            Self::Ours => "ours",
        })
    }
}
