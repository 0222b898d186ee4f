// must fail: E0308
use panelgate::proxy::Answer;
use panelgate::proxy::ProxyError;

pub struct Request(pub panelgate::upstream::Body);

pub async fn unjudged(request: Request) -> Result<Answer, ProxyError> {
    panelgate::proxy::forward(request, panelgate::proxy::Pace { idle: std::time::Duration::from_secs(1), grace: std::time::Duration::from_secs(1), rate: 1 }).await
}
