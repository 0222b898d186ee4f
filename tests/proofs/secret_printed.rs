// must fail: E0277
use panelgate::model::Token256;

pub fn printed(token: &Token256) -> String {
    format!("{token}")
}
