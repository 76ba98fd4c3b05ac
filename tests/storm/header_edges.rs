//! The bounds of the headers, each from both sides.

use crate::edges::front_door;
use harness::{Bench, MUG, Site};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

#[tokio::test]
async fn headers_hold_1_to_255_visible_characters_and_reach_the_message_as_they_are() {
    let (site, _process, caller) = front_door().await;
    let bench = Bench::open(&site.amqp_url).await;
    let params = json!({"goods_id": "mug", "player_id": "p", "amount": 1});
    let post = || caller.request(Method::POST, "/Redeem/goods").json(&params);
    for good in ["!", "~", "\"a,b;c=d\"", "%00", &"k".repeat(254), &"k".repeat(255)] {
        let request = post().header("X-Correlation-Id", good).header("Idempotency-Key", good);
        let id = caller.send(request).await.job_id();
        let message = bench.pop("redeem.requests").await.expect("a message");
        assert_eq!((message.correlation_id.as_str(), message.message_id), (good, id));
    }
    for bad in
        [&b""[..], b" ", b"a b", b"a\tb", b"\xff", "é".as_bytes(), &[b'k'; 256], &[b'k'; 5_000]]
    {
        for header in ["X-Correlation-Id", "Idempotency-Key"] {
            let value = HeaderValue::from_bytes(bad).expect("a value");
            assert_eq!(
                caller.send(post().header(header, value)).await.said(),
                (400, "2302"),
                "{bad:?}"
            );
        }
    }
    assert_eq!(bench.depth("redeem.requests").await, 0);
    site.close().await;
}

#[tokio::test]
async fn a_wait_is_honoured_as_rfc_7240_writes_it_and_what_cannot_be_read_is_no_preference() {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    let prefer = async |value: &str| {
        let post = caller.request(Method::POST, "/Redeem/goods").json(&params);
        caller.send(post.header("Prefer", value)).await
    };
    for (value, seconds) in [
        ("wait=20", "20"),
        ("WAIT=20", "20"),
        ("wait = 20", "20"),
        ("wait=\"20\"", "20"),
        ("wait=99", "30"),
        ("respond-async, wait=20", "20"),
        ("wait=20; x=y", "20"),
        ("handling=lenient;a=b , wait=20", "20"),
        ("wait=20, wait=10", "20"),
        ("wait=20,", "20"),
    ] {
        let answer = prefer(value).await;
        assert_eq!(
            (answer.status, answer.header("preference-applied")),
            (200, &*format!("wait={seconds}")),
            "{value}"
        );
    }
    for none in [
        "wait=0",
        "wait",
        "wait=",
        "wait=-1",
        "wait=1.5",
        "wait=soon",
        "waits=5",
        "x=\"wait=5",
        ",;=",
        "",
    ] {
        let answer = prefer(none).await;
        assert_eq!((answer.status, answer.header("preference-applied")), (202, ""), "{none}");
    }
    site.close().await;
}
