// must fail: E0451
use panelgate::panel_session::SignedRequest;

pub fn unsigned(like: SignedRequest, panel: std::sync::Arc<panelgate::panel_session::PanelSession>) -> SignedRequest {
    SignedRequest { session: panel, ..like }
}
