//! A client of the original API, unmodified: it sends forms without a token at first, reads a body of status 200 only,
//! and authenticates and repeats its call when it is told to.

use crate::http::post_form;
use crate::page::Page;
use crate::stage::Services;
use redeemq::client::Client;
use serde_json::Value;

const PLAYER: &str = "alice";

struct Original {
    http: Client,
    base: String,
    api_key: String,
    token: String,
}

impl Original {
    /// Status, code and body. Its base URL ends in a slash, as people configure it.
    async fn call(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> anyhow::Result<(u16, String, Value)> {
        let url = format!("{}/{path}?api_key={}", self.base, self.api_key);
        let token = [("token", self.token.as_str())];
        let form = if self.token.is_empty() { form.to_vec() } else { [form, &token].concat() };
        let (status, text) = post_form(&self.http, &url, &form).await?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok((status, body["error_code"].as_str().unwrap_or("?").to_owned(), body))
    }
}

/// One call without a token, what it does about that, and a refusal: all with status 200.
pub async fn client(
    (api_key, api_secret): (String, String),
    services: &Services,
    page: &mut Page,
) -> anyhow::Result<()> {
    page.heading("A client of the original API, which waits for the decision");
    let base = format!("{}/", services.http);
    let http = Client::to(&base)?;
    let mut original = Original { http, base, api_key, token: String::new() };
    let cola = [("goods_id", "cola"), ("player_id", PLAYER)];
    let show = |page: &mut Page, what: &str, (status, code, _): &(u16, String, Value), expected| {
        page.check(what, &format!("{status}  {code}"), (*status, code.as_str()) == (200, expected));
    };

    let first = original.call("Redeem/sponsor", &cola).await?;
    show(page, "a cola, without a token", &first, "0902");
    let pair = [("api_key", original.api_key.clone()), ("api_secret", api_secret)];
    let auth = original.call("Auth", &pair.each_ref().map(|(n, v)| (*n, v.as_str()))).await?;
    show(page, "so it authenticates", &auth, "0000");
    original.token = auth.2["response"]["token"].as_str().unwrap_or_default().to_owned();
    let again = original.call("Redeem/sponsor", &cola).await?;
    show(page, "and repeats its call, without an amount", &again, "0000");
    let one = &again.2["response"]["events"][0]["value"];
    page.check("which is one", &format!("value {one}"), *one == 1);
    let nobody = [("goods_id", "cola"), ("player_id", "mallory")];
    let refused = original.call("Redeem/sponsor", &nobody).await?;
    show(page, "an unknown player", &refused, "0200");
    Ok(())
}
