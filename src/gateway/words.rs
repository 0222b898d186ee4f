//! What people read when something fails: what happened, and what they can do.

use crate::console::Problem;
use crate::gateway::failure::Failure;
use crate::identity::LoginError;
use crate::model::ReferenceId;
use crate::model::Strength;
use crate::session::SessionError;

/// Title, what happened, what to do.
type Words = (&'static str, &'static str, &'static str);

const ADMIN: &str = "Tell your Panelgate administrator, with the reference below.";
const AGAIN: &str = "Try again in a moment. If it stays like this, tell your Panelgate administrator.";
const SIGN_IN: &str = "Start signing in again.";

/// An answer that ended in the middle, too late for a page of ours in its place.
pub(super) fn broken_off(reference: ReferenceId) -> Problem {
    Problem {
        code: "answer_broke_off",
        title: "The server broke off".into(),
        what: "Its answer ended in the middle, so what you see may be incomplete.".into(),
        todo: "Look whether your last step was carried out before you repeat it.".into(),
        reference,
    }
}

/// The problem as a person sees it. Never an internal message.
pub(super) fn problem(failure: &Failure, reference: ReferenceId) -> Problem {
    let code = failure.told_code();
    let (title, what, todo) = match failure {
        Failure::Denied(denial) => match &denial.strength {
            Some(strength) => return stronger(strength, code, reference),
            None => ("Not permitted", denial.reason.sentence(), DENIED),
        },
        Failure::CookiesBlocked => (
            "Your browser keeps no cookies for this site",
            "It did not send back the one that it was given a moment ago. Without it, nobody can be signed in.",
            "Allow cookies for this site, or leave the private window that blocks them. Then sign in again.",
        ),
        Failure::Login(LoginError::TooWeak(_)) => step_up(code),
        Failure::Login(_) => sign_in(code),
        Failure::Open(_) | Failure::Resting(_) | Failure::Proxy(_) => server(code),
        Failure::Edge(_) | Failure::NotFound | Failure::BadBody | Failure::BadLogout | Failure::Withheld => {
            request(code)
        }
        Failure::SignedOut
        | Failure::OtherPerson
        | Failure::NotEntered
        | Failure::HandoffLost
        | Failure::Renewed
        | Failure::Cut
        | Failure::Replaced
        | Failure::PanelLeft => session(code),
        Failure::Audit(_) => (
            "Not recorded, so not done",
            "Panelgate records access before it happens, and the record could not be written.",
            ADMIN,
        ),
        Failure::Session(SessionError::TooManySignIns) => (
            "Too many sign-ins have been begun",
            "From your network, more were begun lately than may be.",
            "Wait a few minutes, then start again.",
        ),
        Failure::Session(_) => ("Panelgate is not ready", "The session store does not answer.", AGAIN),
        Failure::Rewrite(_) => {
            ("The answer was withheld", "The server sent an answer that cannot be shown safely.", ADMIN)
        }
        Failure::Sign(_) | Failure::Random | Failure::Panicked => {
            ("Something went wrong here", "This is a fault in Panelgate, not in what you did.", ADMIN)
        }
    };
    Problem { code, title: title.into(), what: what.into(), todo: todo.into(), reference }
}

/// What a rule demands of the sign-in, and how to get it.
fn stronger(strength: &Strength, code: &'static str, reference: ReferenceId) -> Problem {
    let minutes = strength.max_age.map(|most| most.as_secs() / 60);
    let recent = minutes.map(|minutes| format!("one within the last {}", counted(minutes)));
    let strong = (!strength.acr.is_empty()).then(|| "one that your sign-in service vouches for as strong".to_owned());
    let demanded: Vec<String> = recent.into_iter().chain(strong).collect();
    Problem {
        code,
        title: "This server asks for a fresh sign-in".into(),
        what: format!("The sign-in that you work with is not enough here: it has to be {}.", demanded.join(", and ")),
        todo: "Sign in again to go on. What you have open stays open.".into(),
        reference,
    }
}

fn counted(minutes: u64) -> String {
    if minutes == 1 { "minute".into() } else { format!("{minutes} minutes") }
}

const DENIED: &str = "If you need this access, ask your Panelgate administrator for it.";

fn sign_in(code: &str) -> Words {
    match code {
        "sign_in_expired" => ("The sign-in took too long", "It was begun more than ten minutes ago.", SIGN_IN),
        "sign_in_unknown" => (
            "This sign-in is not open any more",
            "It was already used, has expired, or was begun in another browser. \
             If your browser blocks cookies for this site, allow them.",
            SIGN_IN,
        ),
        "sign_in_refused" => (
            "The sign-in was refused",
            "Your company's sign-in service did not let you through, or you cancelled.",
            SIGN_IN,
        ),
        "provider_unavailable" => (
            "The sign-in service does not answer",
            "Your company's sign-in service could not be reached or did not answer in time.",
            AGAIN,
        ),
        "provider_nonsense" => (
            "The sign-in service answered wrongly",
            "Your company's sign-in service gave an answer that cannot be used.",
            ADMIN,
        ),
        "provider_issuer_mismatch" => (
            "The sign-in service is not the one that is set up",
            "It speaks under another name (issuer) than the one in Panelgate's configuration, so nothing that it says counts.",
            "Tell your Panelgate administrator: either the service has moved, or something stands in its place.",
        ),
        "sign_in_clock" => (
            "The clocks do not agree",
            "By Panelgate's clock, what the sign-in service sent is too old or from the future. \
             One of the two clocks is wrong, by more than the minute or so that is forgiven.",
            "Your Panelgate administrator has to set the clock right (NTP). Signing in works again then.",
        ),
        "sign_in_account_foreign" => (
            "This account cannot be used here",
            "You signed in with an account of another organisation, or a private one.",
            "Sign out there, and sign in again with your company's account.",
        ),
        "sign_in_request_refused" => {
            ("The sign-in could not begin", "The sign-in service did not accept Panelgate's request.", ADMIN)
        }
        "groups_unavailable" => (
            "Your groups could not be read",
            "The place that keeps your groups did not give them, so you were not signed in: without them \
             Panelgate does not know what you may open.",
            AGAIN,
        ),
        "groups_unreadable" => (
            "Your groups could not be read",
            "The sign-in service did not give your groups in a form that can be trusted, so you were not signed in.",
            ADMIN,
        ),
        "id_token_invalid" | "sign_in_wrong_issuer" => (
            "The sign-in could not be verified",
            "What the sign-in service sent about you did not pass the checks.",
            "Start signing in again. If it happens again, tell your Panelgate administrator.",
        ),
        "sign_in_code_refused" => (
            "The sign-in could not be completed",
            "The sign-in service did not accept the way back from your browser.",
            SIGN_IN,
        ),
        _ => ("The sign-in failed", "The way back from the sign-in service could not be read.", SIGN_IN),
    }
}

fn step_up(code: &str) -> Words {
    match code {
        "step_up_other_person" => (
            "Somebody else signed in",
            "You were asked to sign in again, and another account came back. Nothing has changed: you are still \
             signed in as before.",
            "Go back to the console, and sign in with the account that you are working with.",
        ),
        "step_up_without_time" => (
            "The sign-in service does not say when you signed in",
            "This server asks for a recent sign-in, and your company's sign-in service does not tell when it last \
             asked you for proof (auth_time).",
            ADMIN,
        ),
        "step_up_too_old" => (
            "The sign-in service did not ask you again",
            "This server asks for a recent sign-in, and your company's sign-in service let you through on an \
             older one, twice.",
            ADMIN,
        ),
        _ => (
            "The sign-in is not strong enough",
            "This server asks for a stronger way to sign in, such as with a second factor, and your company's \
             sign-in service did not vouch for one (acr).",
            "Sign in with everything that your company gave you for it. If you did, tell your Panelgate administrator.",
        ),
    }
}

fn server(code: &str) -> Words {
    match code {
        "api_token_refused" => (
            "The server refused Panelgate's API token",
            "The token is wrong, revoked or expired, or the server does not accept it from this address.",
            "Your Panelgate administrator has to renew the token of this server.",
        ),
        "api_token_unreadable" => {
            ("The server's API token is missing", "The token is not where the configuration says it is.", ADMIN)
        }
        "api_token_not_allowed" => (
            "The API token may not do this",
            "The server accepted the token, but not for opening a session as this account.",
            ADMIN,
        ),
        code if code.starts_with("account_") => account(code),
        "api_refused" => (
            "The server refused to open a session",
            "It gave a reason that Panelgate does not know; your administrator finds it in the log.",
            ADMIN,
        ),
        "api_security_policy" => (
            "A security policy of the server stepped in",
            "The server asks API requests for a second factor, which no API token can give.",
            "In WHM, under Configure Security Policies, switch off \"API requests\".",
        ),
        "certificate_pin_mismatch" => (
            "The server's certificate has changed",
            "Its key is not the one that was pinned, so nothing was sent to it.",
            "Your Panelgate administrator has to check the new certificate and pin it.",
        ),
        "certificate_untrusted" => (
            "The server's certificate is not trusted",
            "It has expired, is for another name, or comes from an unknown authority. Nothing was sent to it.",
            ADMIN,
        ),
        "server_tls_failed" => ("No secure connection to the server", "The TLS handshake failed.", AGAIN),
        "server_name_unknown" => ("The server's name is unknown", "Its host name has no address.", ADMIN),
        "server_unreachable" => (
            "The server cannot be reached",
            "It refused the connection: it is down, restarting, or behind a firewall that is closed to Panelgate.",
            AGAIN,
        ),
        "server_timeout" => ("The server did not answer", "It took too long to answer.", AGAIN),
        "server_broke_off" => ("The server broke off", "The connection ended before there was a usable answer.", AGAIN),
        "server_crowded" => (
            "Too much at once",
            "Your earlier requests to this server have not ended yet.",
            "Close pages that are still loading, then try again.",
        ),
        "too_many_panel_sessions" => {
            ("Panelgate is full", "As many panel sessions are open as its limit allows.", ADMIN)
        }
        "login_refused" => (
            "The server did not accept the sign-in",
            "It made a session for Panelgate and then did not let it in.",
            AGAIN,
        ),
        "signed_out" => session(code),
        _ => ("The server's answer cannot be used", "It is not what cPanel & WHM documents.", ADMIN),
    }
}

/// Why the server opens no session as an account.
fn account(code: &str) -> Words {
    match code {
        "account_missing" => {
            ("The account does not exist on the server", "The server does not know an account of this name.", ADMIN)
        }
        "account_closed_to_others" => (
            "The server lets nobody else into this cPanel",
            "By a setting of the server, only the account's own user, or the reseller that owns it, may enter it; \
             the account of Panelgate's API token there is neither.",
            "A server administrator can change it in WHM: Tweak Settings, Security, \
             \"Accounts that can access a cPanel user account\".",
        ),
        "account_suspended" => (
            "The account is suspended",
            "The server opens no session for a suspended account.",
            "Somebody who may manage the account in WHM has to unsuspend it first.",
        ),
        "account_not_customer" => (
            "Not one of this reseller's accounts",
            "You may go on to the accounts that the account in WHM owns, and the server says that it does not own \
             this one.",
            DENIED,
        ),
        _ => (
            "The account cannot use this service",
            "The access rule names an account that has no access to this service on the server.",
            ADMIN,
        ),
    }
}

fn request(code: &str) -> Words {
    match code {
        "unknown_host" => (
            "Not served here",
            "This address belongs to no server of this Panelgate.",
            "Check the address, or start from the console.",
        ),
        "client_unknown" => (
            "Nobody says whose request this is",
            "The load balancer in front of Panelgate does not tell the address that the request came from.",
            ADMIN,
        ),
        "not_over_tls" => (
            "Not over a secure connection",
            "The load balancer in front of Panelgate does not say that the request came over HTTPS.",
            "Write https:// in the address. If you did, tell your Panelgate administrator.",
        ),
        "address_crowded" => (
            "Too much at once",
            "From your network, more requests are under way than may be.",
            "Wait a moment, then try again.",
        ),
        "misdirected" => ("Wrong connection", "The browser reused a connection for another address.", "Reload."),
        "foreign_origin" => (
            "Another site may not do this",
            "The request was caused by a page of another address.",
            "Open the server from the console.",
        ),
        "not_found" => ("There is no such page", "The address leads nowhere.", "Start from the console."),
        "path_withheld" => (
            "Not available through Panelgate",
            "This address of the server is not for people who use a panel.",
            "Open what you need from the console.",
        ),
        "service_worker" => (
            "Service workers are not allowed",
            "They would outlive your session in the browser.",
            "Nothing needs to be done.",
        ),
        _ => (
            "The request was not understood",
            "It could be read in more than one way, so it was refused.",
            "Go back and try again. If a panel's own page did this, tell your Panelgate administrator.",
        ),
    }
}

fn session(code: &str) -> Words {
    match code {
        "other_person" => (
            "Somebody else is signed in now",
            "In another tab of this browser, somebody else has signed in since this page was opened.",
            "Reload the page to go on as them, or sign in again as yourself.",
        ),
        "signed_out" => ("You are signed out", "Your session has ended.", "Sign in again to go on."),
        "panel_session_renewed" => (
            "The server had ended the session",
            "A new one is open. What you just sent was not carried out.",
            "Please repeat your last step.",
        ),
        "panel_session_cut" => (
            "The panel was closed",
            "What you may open, or the server's entry in Panelgate, was changed while this was under way.",
            "Open it again from the console, if it is still there.",
        ),
        "panel_replaced" => (
            "This page is of an earlier panel",
            "The panel has been opened anew since, so what you just sent was not passed on.",
            "Open it again from the console, and close this page.",
        ),
        "panel_left" => (
            "You have left this panel",
            "The panel session is closed. You are still signed in to Panelgate.",
            "Open it again, or choose another server.",
        ),
        _ => (
            "The panel is not open",
            "Its entry has ended, or was made in another browser.",
            "Open it again from the console.",
        ),
    }
}
