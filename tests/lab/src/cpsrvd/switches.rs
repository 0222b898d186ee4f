//! The switches of the double: one field per thing that a server may do in two ways.
//!
//! The defaults are those of a freshly installed server where the vendor documents one, and our best
//! reading of the evidence elsewhere. `behaviours.rs` says which behaviour each switch governs.

use std::time::Duration;

use super::cue::Cue;

/// Everything about the double that can be changed while it runs.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "the server's own settings are on/off switches")]
pub struct Switches {
    /// What the TLS listeners offer in ALPN. HTTP/2 is never spoken.
    pub alpn: Alpn,
    /// Which certificate is shown; the key stays the same.
    pub certificate: Certificate,
    /// Which TLS versions are spoken.
    pub tls_versions: TlsVersions,
    /// Whether answers that are not logins, redirects or errors leave the connection open.
    pub keep_alive: bool,
    /// How long an idle connection stays open.
    pub keep_alive_idle: Duration,
    /// How the end of a body is marked.
    pub framing: Framing,
    /// Header names and reason phrases as captured (`Content-length`, `307 Moved`) or by the book.
    pub captured_spelling: bool,
    /// A `Server` header, absent in recent captures.
    pub server_header: Option<String>,
    /// Whether requests with ambiguous framing are answered with 400.
    pub refuse_ambiguous_requests: bool,
    /// `maxcpsrvdconnections`: how many connections are served at once, each WebSocket included.
    pub handler_cap: usize,
    /// How long a connection beyond the cap is left waiting before it is closed.
    pub overload_stall: Duration,
    /// `requiressl`: whether the plain-text ports only redirect.
    pub require_ssl: bool,

    /// `allow_deprecated_accesshash`.
    pub allow_accesshash: bool,
    /// Whether an API token opens pages (no real server is known to allow it).
    pub tokens_open_pages: bool,
    /// Whether `create_user_session` may be called with POST too.
    pub session_call_by_post: bool,
    /// Whether API failure texts carry typographic quotes and a random XID.
    pub typographic_failures: bool,
    /// Whether `create_user_session` honours `cp_security_token`.
    pub honour_security_token: bool,
    /// Whether `create_user_session` honours `preferred_domain`.
    pub honour_preferred_domain: bool,
    /// `account_login_access`.
    pub account_login_access: AccountLoginAccess,
    /// Whether a session for a suspended account is created.
    pub suspended_sessions: bool,
    /// *Configure Security Policies > API requests*: the 2FA page interrupts API calls.
    pub api_security_policy: bool,
    /// In which of the two seen shapes `version` answers.
    pub version_shape: VersionShape,

    /// How long a login URL works while unused.
    pub login_url_lifetime: Duration,
    /// Status (and form) of the answer to a one-time login.
    pub login_answer: LoginAnswer,
    /// Whether redirects name scheme, host and port.
    pub absolute_redirects: bool,
    /// Whether the session cookie says `SameSite=Lax`.
    pub same_site_lax: bool,
    /// Whether clearing cookies come with the session cookie.
    pub clearing_cookies: bool,
    /// What a spent or expired login URL answers.
    pub spent_login_url: SpentLoginUrl,
    /// Whether requests need the security token in the path besides the cookie.
    pub require_security_token: bool,
    /// Whether `/` with a cookie and no security token redirects to the session's home.
    pub redirect_to_security_token: bool,
    /// After how many wrong security tokens the session dies; `None` for never.
    pub wrong_token_limit: Option<u32>,
    /// Whether API paths with a dead session answer 403 JSON; otherwise they answer a login page.
    pub json_for_dead_api_session: bool,
    /// Whether `/` without a session shows the login page; otherwise it denies.
    pub login_page_at_root: bool,
    /// How long a session lives without a request; `None` for ever.
    pub idle_limit: Option<Duration>,
    /// `cookieipvalidation`.
    pub cookie_ip_validation: CookieIpValidation,
    /// Whether forwarded addresses are believed from a loopback peer (service subdomains).
    pub local_proxy: bool,
    /// Whether cookies are compared byte for byte as sent; otherwise after decoding.
    pub cookies_byte_for_byte: bool,
    /// `logout_redirect_url`.
    pub logout_redirect_url: Option<String>,
    /// Whether accounts use 2FA: password logins need a code, one logout ends all sessions of the user.
    pub two_factor: bool,
    /// cPHulk: whether failed password logins are counted and blocked.
    pub hulk: bool,
    /// cPHulk: failures from one address that block it.
    pub hulk_per_address: u32,
    /// cPHulk: failures for one account that block it.
    pub hulk_per_account: u32,
    /// *Limit logins to verified IP addresses*: a new session meets the security questions first.
    pub security_questions: bool,

    /// `referrersafety`.
    pub referrer_safety: bool,
    /// `referrerblanksafety`.
    pub referrer_blank_safety: bool,
    /// What a failed referrer check answers.
    pub referrer_refusal: ReferrerRefusal,
    /// `xframecpsrvd`: `X-Frame-Options` and `X-Content-Type-Options` on every answer.
    pub x_frame: bool,
    /// `csp`: a policy with a nonce on two WHM pages.
    pub csp: bool,
    /// `proxysubdomains`: whether the web server passes whm.… and the like on to the panels.
    pub service_subdomains: bool,
    /// Whether absolute URLs take their name from the request's `Host`; otherwise the host name is used.
    pub absolute_from_host: bool,
    /// Whether the phpMyAdmin-like tool resists being framed.
    pub phpmyadmin_frame_busting: bool,
    /// Whether the Roundcube-like tool checks `Referer`.
    pub roundcube_referer_check: bool,
    /// Whether assets are compressed when asked.
    pub gzip_assets: bool,
    /// Whether the hop from WHM to cPanel works.
    pub hops: bool,
    /// Whether requests under another name are redirected to the host name.
    pub canonical_host: bool,

    /// Which `Origin` a terminal handshake must have.
    pub websocket_origin: WebSocketOrigin,
    /// The code with which the terminal closes after its first frame; `None` to echo on.
    pub shell_close: Option<u16>,
    /// How a database dump ends.
    pub dump_end: DumpEnd,
    /// Bytes after which an upload is answered with 413 and cut; `None` for no limit.
    pub upload_limit: Option<u64>,
    /// Bytes of a generated download.
    pub download_bytes: u64,
    /// Whether downloads announce their length; otherwise they end with the connection.
    pub download_length: bool,
    /// Time between two lines of a streaming page.
    pub trickle_interval: Duration,
    /// Waited for between two lines instead, where there is one.
    pub trickle_cue: Option<Cue>,
    /// Lines of a streaming page.
    pub trickle_lines: u32,
    /// Whether `/acctxferrsync` takes over the socket.
    pub account_transfer: bool,
    /// Whether requests are recorded for [`Cpsrvd::requests`](super::Cpsrvd::requests).
    pub record_requests: bool,
    /// Whether the access and session logs are written.
    pub write_logs: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            alpn: Alpn::Absent,
            certificate: Certificate::Own,
            tls_versions: TlsVersions::Both,
            keep_alive: true,
            keep_alive_idle: Duration::from_secs(30),
            framing: Framing::ByPath,
            captured_spelling: true,
            server_header: None,
            refuse_ambiguous_requests: true,
            handler_cap: 200,
            overload_stall: Duration::from_secs(3),
            require_ssl: true,
            allow_accesshash: false,
            tokens_open_pages: false,
            session_call_by_post: true,
            typographic_failures: true,
            honour_security_token: true,
            honour_preferred_domain: true,
            account_login_access: AccountLoginAccess::OwnerRoot,
            suspended_sessions: false,
            api_security_policy: false,
            version_shape: VersionShape::Modern,
            login_url_lifetime: Duration::from_mins(2),
            login_answer: LoginAnswer::TemporaryRedirect,
            absolute_redirects: false,
            same_site_lax: false,
            clearing_cookies: true,
            spent_login_url: SpentLoginUrl::TokenDenied,
            require_security_token: true,
            redirect_to_security_token: true,
            wrong_token_limit: Some(3),
            json_for_dead_api_session: true,
            login_page_at_root: true,
            idle_limit: Some(Duration::from_mins(15)),
            cookie_ip_validation: CookieIpValidation::Strict,
            local_proxy: false,
            cookies_byte_for_byte: true,
            logout_redirect_url: None,
            two_factor: false,
            hulk: true,
            hulk_per_address: 5,
            hulk_per_account: 15,
            security_questions: false,
            referrer_safety: false,
            referrer_blank_safety: false,
            referrer_refusal: ReferrerRefusal::LoginPage,
            x_frame: true,
            csp: false,
            service_subdomains: true,
            absolute_from_host: true,
            phpmyadmin_frame_busting: true,
            roundcube_referer_check: true,
            gzip_assets: true,
            hops: true,
            canonical_host: false,
            websocket_origin: WebSocketOrigin::Own,
            shell_close: None,
            dump_end: DumpEnd::Complete,
            upload_limit: None,
            download_bytes: 1 << 30,
            download_length: true,
            trickle_interval: Duration::from_millis(200),
            trickle_cue: None,
            trickle_lines: 10,
            account_transfer: true,
            record_requests: true,
            write_logs: true,
        }
    }
}

/// What the server says in ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Nothing.
    Absent,
    /// `http/1.1`.
    Http11,
}

/// Which certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// The identity's own.
    Own,
    /// A self-signed one for the same key and name that ended in the past.
    Expired,
    /// A self-signed one for the same key and another name.
    WrongName,
}

/// Which TLS versions are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    Both,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

/// How the end of a body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each path has one of the other three, always the same.
    ByPath,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// Who may enter a cPanel account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountLoginAccess {
    /// Root, the owning reseller and the user.
    OwnerRoot,
    /// The owning reseller and the user.
    Owner,
    /// The user only.
    User,
}

/// The shape of the `version` answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionShape {
    /// `data` and `metadata`, as documented.
    Modern,
    /// `cpanelresult`, as seen on live hosts.
    Legacy,
}

/// How a one-time login is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAnswer {
    /// 200 with a META refresh.
    MetaRefresh,
    /// 301.
    MovedPermanently,
    /// 302.
    Found,
    /// 303.
    SeeOther,
    /// 307, the only status that cpsrvd's redirects were seen with.
    TemporaryRedirect,
    /// 308.
    PermanentRedirect,
}

/// What a spent login URL answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpentLoginUrl {
    /// `401 Token Denied` with a login page.
    TokenDenied,
    /// 200 with a login page.
    LoginPage,
}

/// `cookieipvalidation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieIpValidation {
    /// No check.
    Disabled,
    /// The same /24 (or, for IPv6, /64).
    Loose,
    /// The same address.
    Strict,
}

/// What a failed referrer check answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrerRefusal {
    /// 401 with a login page.
    LoginPage,
    /// 403 with a short text.
    Forbidden,
}

/// Which `Origin` a terminal handshake must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSocketOrigin {
    /// Exactly scheme, host and port of the request.
    Own,
    /// Any, or none.
    Any,
}

/// How a database dump ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpEnd {
    /// Close code 1000 after the last byte.
    Complete,
    /// Close code 1011: the dump broke.
    Broken,
    /// Close code 4000: the database cannot be dumped.
    Refused,
}
