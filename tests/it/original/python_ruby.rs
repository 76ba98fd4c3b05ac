//! The Python and Ruby SDKs: forms, the key in the URL of GETs only, and the body read whatever the status.

use super::{FORM, Original, Reply};
use harness::Process;

/// Python's `urlencode`: a blank is `+`, and letters beyond ASCII are escaped as UTF-8.
async fn python(original: &Original, process: &Process, path: &str, body: &str) -> Reply {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nAccept-Encoding: identity\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\nHost: redeem.example\r\nUser-Agent: Python-urllib/3.11\r\nConnection: close\r\n\r\n{body}"
    );
    original.send(process, &request).await
}

/// Ruby's `Net::HTTP::Post` with `set_form_data`.
async fn ruby(original: &Original, process: &Process, path: &str, body: &str) -> Reply {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nAccept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\nAccept: */*\r\nUser-Agent: Ruby\r\nHost: redeem.example\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    original.send(process, &request).await
}

macro_rules! gets_each_decision {
    ($test:ident, $send:ident) => {
        #[tokio::test]
        async fn $test() {
            let original = Original::open().await;
            let process = original.site.serve().await;
            let pair = format!("api_key={}&api_secret={}", original.api_key, original.api_secret);
            let auth = $send(&original, &process, "/Auth", &pair).await;
            assert_eq!(auth.said(), (200, "0000"));
            assert!(auth.body["response"]["date_expire"].is_string());
            let token = auth.body["response"]["token"].as_str().expect("a token").to_owned();
            let wrong = format!("api_key={}&api_secret=wrong", original.api_key);
            assert_eq!($send(&original, &process, "/Auth", &wrong).await.said(), (200, "0001"));

            let goods = format!("token={token}&goods_id=mug&player_id=p+1");
            let decided = $send(&original, &process, "//Redeem/goods", &goods).await;
            assert_eq!(decided.said(), (200, "0000"));
            assert_eq!(decided.event()["value"], 1);
            let sponsor = format!("token={token}&goods_id=none&player_id=p1&amount=1");
            let refused = $send(&original, &process, "/Redeem/sponsor", &sponsor).await;
            assert_eq!(
                (refused.said(), &refused.body["response"]),
                ((200, "0501"), &serde_json::Value::Null)
            );
            let bad = format!("token={token}&goods_id=mug&player_id=Ren%E9&amount=1");
            let refused = $send(&original, &process, "/Redeem/goods", &bad).await;
            assert!(refused.body["message"].as_str().is_some_and(|m| m.contains("[ player_id ]")));
            assert_eq!(refused.code(), "2302");
            original.site.audit();
            original.site.close().await;
        }
    };
}

gets_each_decision!(the_python_client_gets_each_decision, python);
gets_each_decision!(the_ruby_client_gets_each_decision, ruby);
