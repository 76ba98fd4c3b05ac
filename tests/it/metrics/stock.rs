//! The stock of watched goods, as a metric, and which goods may be watched.

use super::{SOON, is};
use harness::{Bench, Role, Site, eventually, mug};
use serde_json::json;

#[tokio::test]
async fn the_stock_of_watched_goods_is_right_even_while_nothing_is_decided() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,quantity,group\nmug,5,\nfilm,,film\nair,,\nhidden,9,\n");
    site.goods("@cola", "goods_id,quantity\ncola,7\n");
    site.coupons(
        "acme",
        "film",
        "code,expires_at\nF1,2099-01-01T00:00:00Z\nF2,2001-01-01T00:00:00Z\nF3,\n",
    );
    site.json(&["goods", "watch", "--client", "acme", "mug", "film", "air"]);
    let watched = site.json(&["goods", "watch", "--sponsor", "cola", "cola"]);
    assert_eq!(
        watched[3],
        json!({"owner": "@cola", "goods_id": "cola", "granted": 0, "remaining": 7})
    );
    let worker = site.start(Role::Worker, &[SOON]).await;
    for (goods, left) in [("mug", 5.0), ("film", 2.0), ("air", f64::INFINITY), ("cola", 7.0)] {
        is(&worker, "redeemq_goods_remaining", &format!("goods=\"{goods}\""), left).await;
    }
    assert!(!worker.page().await.contains("hidden"));

    let bench = Bench::open(&site.amqp_url).await;
    bench.publish_all(&[mug("acme"), mug("acme")]).await;
    is(&worker, "redeemq_goods_remaining", "owner=\"acme\",goods=\"mug\"", 3.0).await;
    assert_eq!(worker.metric("redeemq_goods_granted_total", "goods=\"mug\"").await, 2.0);
    site.goods("acme", "goods_id,quantity\nmug,50\n");
    is(&worker, "redeemq_goods_remaining", "goods=\"mug\"", 48.0).await;
    site.json(&["goods", "unwatch", "--client", "acme", "mug"]);
    eventually("it is told no longer", async || {
        worker.metric("redeemq_goods_remaining", "goods=\"mug\"").await.is_nan()
    })
    .await;
    site.close().await;
}

#[tokio::test]
async fn only_goods_that_there_are_can_be_watched_and_not_too_many() {
    let site = Site::with_clients().await;
    let rows: String = (0..101).map(|goods| format!("g{goods}\n")).collect();
    site.goods("acme", &format!("goods_id\n{rows}"));
    let ids: Vec<String> = (0..101).map(|goods| format!("g{goods}")).collect();
    let watch = |owner: [&str; 2], ids: &[String]| {
        let mut arguments = vec!["goods", "watch", owner[0], owner[1]];
        arguments.extend(ids.iter().map(String::as_str));
        let output = site.run(&arguments);
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), complaints)
    };
    let (status, complaints) = watch(["--client", "acme"], &["none".to_owned()]);
    assert!(status == Some(2) && complaints.contains("`none`"), "{complaints}");
    let (status, complaints) = watch(["--client", "zeta"], &ids[..1]);
    assert!(status == Some(2) && complaints.contains("`g0`"), "{complaints}");
    let (status, complaints) = watch(["--client", "acme"], &ids);
    assert!(status == Some(2) && complaints.contains("101 goods"), "{complaints}");
    assert_eq!(site.json(&["goods", "watched"]), json!([]));
    for _ in 0..2 {
        assert_eq!(watch(["--client", "acme"], &ids[..100]).0, Some(0));
    }
    assert_eq!(watch(["--client", "acme"], &ids[100..]).0, Some(2));
    site.close().await;
}
