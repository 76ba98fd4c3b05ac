//! Web pages: preflights, and the origin in every answer, where the operator names it.

use super::{FORM, Original};
use harness::Role;

const PAGE: &str = "https://shop.example";

fn preflight(origin: &str, method: &str) -> String {
    format!(
        "OPTIONS /Redeem/goods HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: content-type,idempotency-key\r\n\r\n"
    )
}

fn from_page(origin: &str) -> String {
    format!(
        "POST /Redeem/goods HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nContent-Type: {FORM}\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_call_and_no_other() {
    let original = Original::open().await;
    let listed = [("REDEEMQ_CORS_ORIGINS", "https://other.example, https://shop.example/")];
    let process = original.site.start(Role::Ingress, &listed).await;
    let allowed = original.send(&process, &preflight(PAGE, "POST")).await;
    assert_eq!(allowed.status, 200);
    for line in [
        "access-control-allow-origin: https://shop.example",
        "access-control-allow-headers: content-type,idempotency-key",
        "access-control-allow-methods: get,post",
        "access-control-max-age: 3600",
        "cache-control: no-store",
    ] {
        assert!(allowed.head.contains(line), "{line} in {}", allowed.head);
    }
    let refused = original.send(&process, &from_page(PAGE)).await;
    assert_eq!(refused.said(), (400, "0903"));
    assert!(refused.head.contains("access-control-allow-origin: https://shop.example"));
    assert!(refused.head.contains("access-control-expose-headers: location,retry-after"));
    for request in [preflight("https://evil.example", "POST"), from_page("https://evil.example")] {
        let answer = original.send(&process, &request).await;
        assert!(!answer.head.contains("access-control-allow-origin"), "{}", answer.head);
    }
    original.site.close().await;
}

#[tokio::test]
async fn all_pages_may_call_where_the_operator_says_so_and_none_by_default() {
    let original = Original::open().await;
    let any = original.site.start(Role::Ingress, &[("REDEEMQ_CORS_ORIGINS", "*")]).await;
    assert!(
        original
            .send(&any, &preflight(PAGE, "POST"))
            .await
            .head
            .contains("access-control-allow-origin: *")
    );
    let none = original.site.start(Role::Ingress, &[]).await;
    let answer = original.send(&none, &preflight(PAGE, "POST")).await;
    assert_eq!(answer.status, 405);
    assert!(!answer.head.contains("access-control"), "{}", answer.head);
    original.site.close().await;
}
