//! Clients take turns: a flood of one, however costly, is nothing that another's lone job waits for.

use harness::{Bench, Request, Role, Site, mug, with_mugs};
use serde_json::json;
use std::time::Instant;

const CODES: usize = 20_000;
const FLOOD: usize = 300;

/// As much as one job may ask for.
fn costly(client: &str, group: &str) -> Request {
    let params = json!({"group": group, "player_id": "p1", "amount": 10_000});
    Request::new(client, "goods_group", &params)
}

/// How many of the flood were answered before the lone job of another client, and after which time all were.
async fn place_behind(site: &Site, flood: Vec<Request>, code: &str) -> usize {
    let bench = Bench::open(&site.amqp_url).await;
    // The queues, before anyone takes from them.
    assert!(site.start(Role::Worker, &[]).await.terminate().await.success());
    let mut results = bench.results("#").await;
    let lone = mug("zeta");
    bench.publish_all(&flood).await;
    bench.publish(&lone).await;
    let begun = Instant::now();
    let _worker = site.start(Role::Worker, &[]).await;
    let (mut place, mut answered) = (None, 0);
    while answered < flood.len() {
        let result = results.next().await;
        if result.json["job_id"] == lone.job_id() {
            place = Some(answered);
        } else {
            assert_eq!(result.code(), code);
            answered += 1;
        }
    }
    eprintln!("{FLOOD} costly jobs took {:?}; place {place:?}", begun.elapsed());
    place.expect("the lone job was answered before the last of the flood")
}

#[tokio::test]
async fn a_lone_job_goes_before_a_flood_of_jobs_that_ask_for_thousands_of_codes() {
    let site = with_mugs().await;
    site.goods("acme", "goods_id,name,group,price\nfilm,Film,tickets,point=1\n");
    let rows: String = (0..CODES).map(|number| format!("CODE-{number}\n")).collect();
    site.coupons("acme", "tickets", &format!("code\n{rows}"));
    let flood: Vec<Request> = (0..FLOOD).map(|_| costly("acme", "tickets")).collect();
    let place = place_behind(&site, flood, "0605").await;
    assert!(place <= 10, "behind {place} of them");
    site.audit();
    site.close().await;
}
