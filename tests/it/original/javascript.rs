//! The JavaScript SDK: reads a body only of status 200, keeps no token at first, adds its key to every URL, and
//! authenticates and repeats by itself when it is told 0900 or 0902.

use super::{FORM, Original, Reply};
use harness::Process;
use serde_json::Value;
use std::fmt::Write as _;

struct JavaScript<'a> {
    original: &'a Original,
    process: &'a Process,
    /// As people configure it: with a slash at its end.
    base: &'a str,
    token: Option<String>,
}

impl JavaScript<'_> {
    /// `encodeURIComponent` of each value; what is null is left out.
    async fn request(&self, path: &str, values: &[(&str, Option<&str>)]) -> Result<Value, u16> {
        let mut body = String::new();
        for (name, value) in values.iter().filter_map(|(n, v)| Some((n, (*v)?))) {
            let and = if body.is_empty() { "" } else { "&" };
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            write!(body, "{and}{name}={value}").expect("written");
        }
        let target = format!("{}{path}?api_key={}", self.base, self.original.api_key);
        let media = format!("{FORM}; charset=UTF-8");
        let reply: Reply = self.original.post(self.process, &target, &media, &body).await;
        // Every other status is a broken page to it.
        if reply.status == 200 { Ok(reply.body) } else { Err(reply.status) }
    }

    async fn call(&mut self, path: &str, values: &[(&str, Option<&str>)]) -> Result<Value, u16> {
        for _ in 0..2 {
            let token = self.token.clone();
            let with_token = [values, &[("token", token.as_deref())]].concat();
            let envelope = self.request(path, &with_token).await?;
            if !["0900", "0902"].contains(&envelope["error_code"].as_str().expect("a code")) {
                return Ok(envelope);
            }
            let (key, secret) = (self.original.api_key.as_str(), self.original.api_secret.as_str());
            let pair = [("api_key", Some(key)), ("api_secret", Some(secret))];
            let auth = self.request("/Auth", &pair).await?;
            self.token = Some(auth["response"]["token"].as_str().expect("a token").to_owned());
        }
        panic!("authenticated in vain");
    }
}

#[tokio::test]
async fn the_javascript_client_gets_each_decision_though_it_begins_without_a_token() {
    let original = Original::open().await;
    let process = original.site.serve().await;
    for base in ["", "/", "//"] {
        let mut sdk = JavaScript { original: &original, process: &process, base, token: None };
        let mug = [("goods_id", Some("mug")), ("player_id", Some("p1")), ("amount", None)];
        let decided = sdk.call("/Redeem/goods", &mug).await.expect("status 200");
        assert_eq!(decided["success"], true, "{decided}");
        let event = &decided["response"]["events"][0];
        assert_eq!(event["event_type"], "GOODS_RECEIVED");
        assert_eq!(event["value"], 1, "without an amount it is one");

        // A token from before a renewal, and one that is none.
        let renew =
            [("api_key", Some(&*original.api_key)), ("api_secret", Some(&*original.api_secret))];
        let renewed = sdk.request("/Auth/renew", &renew).await.expect("status 200");
        assert!(renewed["success"] == true, "{renewed}");
        for void in [sdk.token.clone(), Some("forged".to_owned())] {
            sdk.token = void;
            let film = [("group", Some("films")), ("player_id", Some("p1")), ("amount", Some("1"))];
            let decided = sdk.call("/Redeem/goodsGroup", &film).await.expect("status 200");
            let codes = ["0000", "0604"];
            assert!(codes.contains(&decided["error_code"].as_str().expect("a code")), "{decided}");
        }
        let nobody =
            [("goods_id", Some("mug")), ("player_id", Some("nobody")), ("amount", Some("1"))];
        let refused = sdk.call("/Redeem/goods", &nobody).await.expect("status 200");
        assert_eq!(refused["error_code"], "0200");
        let blank =
            sdk.call("/Redeem/goods", &[("player_id", Some(""))]).await.expect("status 200");
        assert_eq!(blank["error_code"], "0903");
    }
    assert_eq!(original.site.number("select granted from goods where goods_id = 'mug'").await, 3);
    original.site.audit();
    original.site.close().await;
}

#[tokio::test]
async fn ids_with_escaped_blanks_and_signs_arrive_as_they_are() {
    let original = Original::open().await;
    let (odd, escaped) = ("a&b=c+d é\u{1f600}/?%", "a%26b%3Dc%2Bd%20%C3%A9%F0%9F%98%80%2F%3F%25");
    original.site.goods("web", &format!("goods_id,name\n{odd},Odd\n"));
    let process = original.site.serve().await;
    let mut sdk = JavaScript { original: &original, process: &process, base: "", token: None };
    let values = [("goods_id", Some(odd)), ("player_id", Some("p 1"))];
    let decided = sdk.call("/Redeem/goods", &values).await.expect("status 200");
    assert_eq!(decided["error_code"], "0000", "{decided}");
    let token = sdk.token.clone().expect("a token");
    let body = format!("token={token}&goods_id={escaped}&player_id=p+1&amount=1");
    let decided = original.post(&process, "/Redeem/goods", FORM, &body).await;
    assert_eq!(decided.event()["goods_data"]["goods_id"], odd);
    original.site.close().await;
}
