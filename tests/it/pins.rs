//! Guessing at PINs: 5 wrong ones a coupon and 50 a group, however they are sent.

use futures_util::future::join_all;
use harness::{Answer, Bench, Caller, Proxy, Request, Role, Site, Tally};
use serde_json::{Value, json};
use sqlx::Executor as _;

const POOLS: &str = "goods_id,name,group\nfilm,Film,tickets\ngame,Game,games\n";
const VERIFY: &str = "/Redeem/goodsGroup/verify";

fn params(group: &str, code: &str, pin: &str) -> Value {
    json!({"goods_group": group, "coupon_code": code, "pin_code": pin})
}

fn codes(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n}")).collect()
}

/// Acme's players hold so many codes of both pools, T0.. and G0..; a branch may verify either.
async fn with_coupons(count: usize) -> (Site, String) {
    let site = Site::with_clients().await;
    site.goods("acme", POOLS);
    for (group, prefix) in [("tickets", "T"), ("games", "G")] {
        site.coupons("acme", group, &format!("code\n{}\n", codes(prefix, count).join("\n")));
    }
    let arguments = ["--merchant", "Mart", "--branch", "Mall", "--group", "tickets", "games"];
    let made = site.json(&[&["branch", "create", "--client", "acme"], &arguments[..]].concat());
    let pin = made["pin_code"].as_str().expect("a PIN").to_owned();

    let worker = site.start(Role::Worker, &[]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.goods_group").await;
    for group in ["tickets", "games"] {
        let take = json!({"group": group, "player_id": "p1", "amount": count});
        let request = Request::new("acme", "goods_group", &take);
        bench.publish(&request).await;
        assert_eq!(results.of(&request).await.code(), "0000");
    }
    assert!(worker.terminate().await.success());
    (site, pin)
}

/// A wrong PIN for a coupon, as a publisher would send it.
fn wrong(code: &str) -> Request {
    let pin = json!({"k": "h"});
    let params = json!({"goods_group": "tickets", "coupon_code": code, "pin_hashes": pin});
    Request::new("acme", "verify", &params)
}

/// How many were judged wrong, and how many not judged at all: all there may be.
fn counts<'a>(answered: impl Iterator<Item = &'a str>) -> (usize, usize) {
    let (mut judged, mut locked) = (0, 0);
    for code in answered {
        match code {
            "0608" => judged += 1,
            "0901" => locked += 1,
            other => panic!("neither judged nor locked: {other}"),
        }
    }
    (judged, locked)
}

#[tokio::test]
async fn fifty_wrong_pins_of_a_group_are_judged_over_two_ingresses_two_workers_and_many_codes() {
    let (site, pin) = with_coupons(50).await;
    let (one, two) = tokio::join!(site.serve(), site.serve());
    let callers = [site.caller(&one, "acme").await, site.caller(&two, "acme").await];

    let guesses = codes("T", 49).into_iter().flat_map(|code| {
        let callers = &callers;
        (0..3).map(move |n| {
            let params = params("tickets", &code, "guess");
            async move { callers[n % 2].decide(VERIFY, &params).await }
        })
    });
    let answers: Vec<Answer> = join_all(guesses).await;
    assert_eq!(counts(answers.iter().map(Answer::code)), (50, 3 * 49 - 50));
    assert_eq!(site.number("select count(*) from pin_failure").await, 50);

    for caller in &callers {
        let locked = caller.decide(VERIFY, &params("tickets", "T49", &pin)).await;
        assert_eq!(locked.said(), (200, "0901"), "a coupon that nobody guessed at");
    }
    let elsewhere = callers[0].decide(VERIFY, &params("games", "G0", &pin)).await;
    assert_eq!(elsewhere.body["response"], json!({"success": true}), "the group has its own count");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn of_fifty_wrong_pins_for_one_coupon_in_one_batch_five_are_judged() {
    let (site, pin) = with_coupons(2).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.verify").await;
    let requests: Vec<Request> = (0..50).map(|_| wrong("T0")).collect();
    bench.publish_all(&requests).await;
    let worker = site.start(Role::Serve, &[]).await;

    let mut tally = Tally::of(&requests);
    tally.read_all(&bench, &mut results).await;
    let answers = tally.answers();
    let answered = answers.iter().map(|answer| answer["error_code"].as_str().expect("a code"));
    assert_eq!(counts(answered), (5, 45));
    let batches = worker.metric("redeemq_batch_jobs_count", "").await;
    assert!(batches <= 10.0, "50 jobs in {batches} batches");

    let caller = site.caller(&worker, "acme").await;
    assert_eq!(caller.decide(VERIFY, &params("tickets", "T0", &pin)).await.code(), "0901");
    let neighbour = caller.decide(VERIFY, &params("tickets", "T1", &pin)).await;
    assert_eq!(neighbour.body["response"], json!({"success": true}));
    site.close().await;
}

#[tokio::test]
async fn a_wrong_pin_that_was_counted_and_is_delivered_again_is_not_counted_again() {
    let (site, pin) = with_coupons(1).await;
    let line = Proxy::before(&site.amqp_url).await;
    let worker = site.start(Role::Worker, &[("AMQP_URL", &line.url)]).await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.verify").await;
    for _ in 0..3 {
        let request = wrong("T0");
        bench.publish(&request).await;
        assert_eq!(results.of(&request).await.code(), "0608");
    }

    // The fourth is committed, but neither its result nor its ack gets out.
    let mut holder = site.store.begin().await.expect("a transaction");
    holder.execute("lock table pin_failure in exclusive mode").await.expect("held");
    let fourth = wrong("T0");
    bench.publish(&fourth).await;
    site.until_waiting(1).await;
    line.freeze();
    holder.rollback().await.expect("let go");
    harness::eventually("it is counted", async || {
        site.number("select count(*) from pin_failure").await == 4
    })
    .await;
    worker.kill();

    let process = site.serve().await;
    let again = results.of(&fourth).await;
    assert_eq!((again.code(), again.is_replayed), ("0608", true));
    assert_eq!(site.number("select count(*) from pin_failure").await, 4);
    let caller = site.caller(&process, "acme").await;
    let right = caller.decide(VERIFY, &params("tickets", "T0", &pin)).await;
    assert_eq!(right.body["response"], json!({"success": true}), "four are not five");
    site.close().await;
}

#[tokio::test]
async fn one_message_carries_four_hashes_of_a_pin_at_most_and_counts_as_one_guess() {
    let (site, pin) = with_coupons(1).await;
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.verify").await;
    let guess = |hashes: usize| {
        let hashes: serde_json::Map<String, Value> =
            (0..hashes).map(|n| (format!("key-{n}"), "hash".into())).collect();
        let params = json!({"goods_group": "tickets", "coupon_code": "T0", "pin_hashes": hashes});
        Request::new("acme", "verify", &params)
    };
    for (hashes, expected, counted) in
        [(5, "2302", 0), (1_000, "2302", 0), (4, "0608", 1), (4, "0608", 2), (5, "2302", 2)]
    {
        let request = guess(hashes);
        bench.publish(&request).await;
        assert_eq!(results.of(&request).await.code(), expected, "{hashes} hashes");
        assert_eq!(site.number("select count(*) from pin_failure").await, counted);
    }
    let caller = site.caller(&process, "acme").await;
    let right = caller.decide(VERIFY, &params("tickets", "T0", &pin)).await;
    assert_eq!(right.body["response"], json!({"success": true}));
    site.close().await;
}

#[tokio::test]
async fn a_key_that_comes_with_another_pin_is_no_further_guess() {
    let (site, pin) = with_coupons(1).await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let once = async |caller: &Caller, pin: &str| {
        caller.decide_once(VERIFY, "till-1", &params("tickets", "T0", pin)).await
    };
    let first = once(&caller, "guess").await;
    assert_eq!(first.said(), (200, "0608"));
    for pin in ["other", &pin] {
        assert_eq!(once(&caller, pin).await.text, first.text, "the first guess's answer");
    }
    assert_eq!(site.number("select count(*) from pin_failure").await, 1);
    site.close().await;
}

#[tokio::test]
async fn each_client_has_its_own_count_at_a_sponsors_group() {
    let site = Site::with_clients().await;
    site.goods("@coke", "goods_id,name,group\nfilm,Film,tickets\n");
    site.coupons("@coke", "tickets", &format!("code\n{}\n", codes("T", 40).join("\n")));
    let pin = site.branch("@coke", "Kiosk", "tickets");
    let process = site.serve().await;
    let callers = [site.caller(&process, "acme").await, site.caller(&process, "zeta").await];
    for caller in &callers {
        let take = json!({"group": "tickets", "player_id": "p1", "amount": 20});
        assert_eq!(caller.decide("/Redeem/sponsorGroup", &take).await.said(), (200, "0000"));
    }
    // A client can't even guess at coupons that another client's players hold.
    let all = codes("T", 40).into_iter().flat_map(|code| vec![code; 4]);
    let answers = join_all(
        all.map(async |code| callers[0].decide(VERIFY, &params("tickets", &code, "guess")).await),
    )
    .await;
    let own = answers.iter().map(Answer::code).filter(|code| *code != "0502");
    assert_eq!(counts(own), (50, 30));

    let zetas = codes("T", 40)
        .into_iter()
        .map(async |code| callers[1].decide(VERIFY, &params("tickets", &code, &pin)).await);
    let verified = join_all(zetas).await;
    let verified = verified.iter().filter(|answer| answer.body["response"]["success"] == true);
    assert_eq!(verified.count(), 20, "what acme did is not zeta's doing");
    site.close().await;
}
