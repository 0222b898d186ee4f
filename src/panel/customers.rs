//! Whose customer an account is (WHM API 1: "List accounts", "Return domain owner").

use serde_json::Value;

use crate::model::Account;
use crate::panel::api_answer::ApiError;
use crate::panel::whm_api::WhmApi;

/// Whether `customer` is `holder` itself, one of the accounts that `holder` owns, or a mailbox of one of
/// these. The server says; what it does not know is nobody's customer.
pub async fn is_customer(api: &WhmApi<'_>, customer: &Account, holder: &Account) -> Result<bool, ApiError> {
    let Some((_, domain)) = customer.as_str().rsplit_once('@') else {
        return is_owned(api, customer, holder).await;
    };
    let answer = api.call("getdomainowner", &[("domain", domain)]).await?;
    let user = answer.get("user").and_then(Value::as_str).unwrap_or_default();
    match user.parse() {
        Ok(user) => is_owned(api, &user, holder).await,
        // Null for a domain that is none of the server's.
        Err(_) => Ok(false),
    }
}

async fn is_owned(api: &WhmApi<'_>, customer: &Account, holder: &Account) -> Result<bool, ApiError> {
    if customer == holder {
        return Ok(true);
    }
    let search = [("searchtype", "user"), ("search", customer.as_str()), ("searchmethod", "exact")];
    let answer = api.call("listaccts", &search).await?;
    let accounts = answer.get("acct").and_then(Value::as_array).ok_or(ApiError::Lacks("data.acct"))?;
    let text = |account: &Value, key| account.get(key).and_then(Value::as_str).map(str::to_owned);
    // `searchmethod` is young: an older server takes the name for a pattern, and lists more than was asked for.
    Ok(accounts.iter().any(|account| {
        text(account, "user").as_deref() == Some(customer.as_str())
            && text(account, "owner").as_deref() == Some(holder.as_str())
    }))
}
