//! The PHP SDK: hands an array to curl, so its bodies are multipart; above 1 KiB it waits for `100 Continue`; it gives
//! up after 10 s; and it reads the body whatever the status.

use super::{Original, Reply, post};
use harness::{Process, Raw, Role};
use std::time::{Duration, Instant};

const BOUNDARY: &str = "------------------------d74496d66958873e";
/// What it allows for all.
const GIVES_UP_AFTER: Duration = Duration::from_secs(10);

fn multipart(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    fields.iter().map(field).collect::<String>() + &format!("--{BOUNDARY}--\r\n")
}

async fn curl(
    original: &Original,
    process: &Process,
    path: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let media = format!("multipart/form-data; boundary={BOUNDARY}");
    let begun = Instant::now();
    let reply = original.post(process, path, &media, &multipart(fields)).await;
    assert!(begun.elapsed() < GIVES_UP_AFTER);
    reply
}

async fn token(original: &Original, process: &Process) -> String {
    let pair = [("api_key", &*original.api_key), ("api_secret", &*original.api_secret)];
    let reply = curl(original, process, "//Auth", &pair).await;
    assert_eq!(reply.said(), (200, "0000"));
    reply.body["response"]["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn the_php_client_gets_each_decision() {
    let original = Original::open().await;
    let process = original.site.serve().await;
    let token = token(&original, &process).await;
    let goods = [("token", &*token), ("goods_id", "mug"), ("player_id", "p1"), ("amount", "")];
    let decided = curl(&original, &process, "//Redeem/goods", &goods).await;
    assert_eq!(decided.said(), (200, "0000"));
    assert_eq!(decided.event()["value"], 1);
    let group = [("token", &*token), ("group", "films"), ("player_id", "p 1"), ("amount", "2")];
    let decided = curl(&original, &process, "/Redeem/goodsGroup/", &group).await;
    assert_eq!(decided.event()["goods_data"]["group"], "films");

    let pin = original.site.branch("web", "Kiosk", "films");
    let code = decided.event()["goods_data"]["code"].as_str().expect("a code").to_owned();
    let verify = [
        ("token", &*token),
        ("goods_group", "films"),
        ("coupon_code", &*code),
        ("pin_code", &*pin),
    ];
    let verified = curl(&original, &process, "/Redeem/goodsGroup/verify", &verify).await;
    assert_eq!(verified.body["response"]["success"], true);
    let file = "Content-Disposition: form-data; name=\"goods_id\"; filename=\"a\"";
    let body = format!("--{BOUNDARY}\r\n{file}\r\n\r\nmug\r\n--{BOUNDARY}--\r\n");
    let media = format!("multipart/form-data; boundary={BOUNDARY}");
    let refused = original.post(&process, "/Redeem/goods", &media, &body).await;
    assert_eq!(refused.code(), "2302");
    original.site.close().await;
}

#[tokio::test]
async fn a_long_body_is_asked_for_before_it_is_sent() {
    let original = Original::open().await;
    let process = original.site.serve().await;
    let token = token(&original, &process).await;
    let filler = "x".repeat(2_000);
    let fields = [("token", &*token), ("goods_id", "mug"), ("player_id", "p1"), ("note", &*filler)];
    let media = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = post("/Redeem/goods", &media, &multipart(&fields));
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");

    let mut raw = Raw::to(&process.http).await;
    raw.send(&format!("{head}\r\nExpect: 100-continue\r\n\r\n")).await;
    assert!(raw.answer().await.starts_with("HTTP/1.1 100 Continue\r\n"));
    raw.send(body).await;
    assert_eq!(Reply::read(&raw.answer().await).said(), (200, "0000"));
    original.site.close().await;
}

#[tokio::test]
async fn without_a_worker_it_is_told_in_time_that_its_job_is_accepted_and_undecided() {
    let original = Original::open().await;
    let process = original.site.start(Role::Ingress, &[]).await;
    let token = token(&original, &process).await;
    let goods = [("token", &*token), ("goods_id", "mug"), ("player_id", "p1")];
    let reply = curl(&original, &process, "/Redeem/goods", &goods).await;
    assert_eq!(reply.said(), (200, "3005"));
    assert_eq!(reply.body["success"], false);
    assert_eq!(reply.body["message"], "Accepted , not decided yet");
    assert_eq!(reply.body["response"]["status"], "queued");
    assert!(reply.body["response"]["job_id"].is_string());
    original.site.close().await;
}
