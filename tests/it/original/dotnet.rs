//! The .NET SDK: escapes nothing in its forms, leaves a token out that it does not have, and throws at every status of
//! 400 and above.

use super::{FORM, Original, Reply};
use harness::Process;

async fn net(original: &Original, process: &Process, path: &str, body: &str) -> Reply {
    let reply = original.post(process, path, FORM, body).await;
    assert!(reply.status < 400, "it throws at {}", reply.status);
    reply
}

#[tokio::test]
async fn the_net_client_gets_each_decision_and_ids_with_blanks_as_they_are() {
    let original = Original::open().await;
    let process = original.site.serve().await;
    // Nobody's yet: neither token nor key say whose request it is, so it is answered as the operator set.
    let pair = format!("api_key={}&api_secret={}", original.api_key, original.api_secret);
    let auth = net(&original, &process, "/Auth", &pair).await;
    let token = auth.body["response"]["token"].as_str().expect("a token").to_owned();

    for player in ["p1", "p 1", "p+1"] {
        let body = format!("token={token}&goods_id=mug&player_id={player}&amount=1");
        let decided = net(&original, &process, "/Redeem/goods", &body).await;
        assert_eq!(decided.said(), (200, "0000"), "{player}");
    }
    let void = "token=forged&goods_id=mug&player_id=p1&amount=1".to_owned();
    let with_key = format!("{void}&api_key={}", original.api_key);
    assert_eq!(net(&original, &process, "/Redeem/goods", &with_key).await.said(), (200, "0900"));
    // A raw `&` ends the value, as it did for the original: an id with one must be escaped.
    let body = format!("token={token}&goods_id=m&ug&player_id=p1&amount=1");
    let refused = net(&original, &process, "/Redeem/goods", &body).await;
    assert_eq!(refused.said(), (200, "0501"));
    original.site.close().await;
}

#[tokio::test]
async fn a_request_of_nobody_known_is_answered_as_the_operator_set() {
    let original = Original::open().await;
    let process = original.site.start(harness::Role::Serve, &[("REDEEMQ_ANSWERS", "sync")]).await;
    let no_token = "goods_id=mug&player_id=p1";
    let reply = net(&original, &process, "//Redeem/goods/", no_token).await;
    assert_eq!(reply.said(), (200, "0902"));
    assert_eq!(net(&original, &process, "/nowhere", no_token).await.said(), (200, "2302"));
    original.site.json(&["client", "create", "queue"]);
    let caller = original.site.caller(&process, "queue").await;
    harness::eventually("its mode is known", async || {
        let mug = serde_json::json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
        caller.post("/Redeem/goods", &mug).await.status == 202
    })
    .await;
    original.site.close().await;
}
