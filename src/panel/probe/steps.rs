//! The steps of a probe, in their order: with the API, without a session, with one, and with tokens that are made.

use http::StatusCode;

use crate::panel::api_answer::ApiError;
use crate::panel::probe::Probe;
use crate::panel::probe::calls;
use crate::panel::probe::pages;
use crate::panel::probe::record::Exchange;
use crate::panel::probe::session;

/// Why some things cannot be seen by any probe.
const UNSEEN: [(&str, &str); 8] = [
    ("idle", "it takes longer than a probe: leave a session open for 20 minutes and look"),
    ("other_address", "it takes a second address: repeat a request of a session from there"),
    ("forwarded", "it takes a look at the server's logs"),
    ("hops", "it opens a customer's account: follow the cPanel icon in List Accounts with the browser's network log"),
    ("terminal", "it opens a shell: record the handshake of Terminal in the browser"),
    ("tools", "it takes a browser"),
    ("http2", "it takes a client that offers it: openssl s_client -alpn h2,http/1.1 -connect HOST:2087"),
    ("suspended", "it takes a suspended account"),
];

pub(super) async fn run(probe: &mut Probe<'_>) -> Result<(), ApiError> {
    for (id, why) in UNSEEN {
        probe.unseen(id, why);
    }
    calls::version(probe).await?;
    calls::settings(probe).await;
    calls::failures(probe).await;
    pages::without_session(probe).await;
    if let Some(landing) = session::log_in(probe).await {
        pages::with_session(probe, &landing).await;
    }
    calls::with_tokens(probe).await;
    habits(probe);
    Ok(())
}

/// What all the answers have in common.
fn habits(probe: &mut Probe<'_>) {
    let closes = |exchange: &&Exchange| {
        exchange.headers.iter().any(|(name, value)| name == "connection" && value.eq_ignore_ascii_case("close"))
    };
    let is_refusal = |exchange: &&Exchange| matches!(exchange.status, 300..=399 | 401 | 403);
    let (refusals, others): (Vec<_>, Vec<_>) = probe.exchanges.iter().partition(is_refusal);
    let all_close = refusals.iter().all(closes);
    let kept = others.iter().filter(|exchange| !closes(exchange)).count();
    let (refused, all) = (refusals.len(), others.len());
    let own = probe.exchanges.iter().filter(|exchange| matches!(exchange.status, 307 | 401 | 403));
    let usual = |exchange: &&Exchange| {
        let status = StatusCode::from_u16(exchange.status).ok();
        status.and_then(|status| status.canonical_reason()) == Some(&*exchange.reason)
    };
    let (own, by_the_book) = (own.clone().count(), own.filter(usual).count());
    probe.judge("closes", all_close, &format!("{refused} such answers"), "");
    probe.judge("keeps", kept > 0, &format!("{kept} of {all} answers"), "false");
    probe.judge("reasons", own > 0 && by_the_book == 0, &format!("{by_the_book} of {own} by the book"), "false");
}
