//! Verification at a merchant's till: a coupon is good once, for its holder's client, in its time.

use harness::{Bench, Caller, Request, Role, Site, instant};
use redeemq::wire::{now, rfc3339};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

const FILM: &str = "goods_id,name,group\nfilm,Film,tickets\n";
const VERIFY: &str = "/Redeem/goodsGroup/verify";

fn params(code: &str, pin: &str) -> Value {
    json!({"goods_group": "tickets", "coupon_code": code, "pin_code": pin})
}

async fn take_codes(caller: &Caller, player: &str, amount: i64) {
    let params = json!({"group": "tickets", "player_id": player, "amount": amount});
    let answer = caller.decide("/Redeem/goodsGroup", &params).await;
    assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
}

async fn verify(caller: &Caller, code: &str, pin: &str) -> (String, Value) {
    let answer = caller.decide(VERIFY, &params(code, pin)).await;
    assert_eq!(answer.said().0, 200);
    (answer.code().to_owned(), answer.body["response"].clone())
}

fn refused(code: &str) -> (String, Value) {
    (code.to_owned(), Value::Null)
}

#[tokio::test]
async fn a_coupon_is_used_up_by_one_right_pin_and_then_tells_where_and_when() {
    let site = Site::with_clients().await;
    site.goods("acme", FILM);
    site.coupons("acme", "tickets", "code\nA\nB\n");
    let (pin, other) =
        (site.branch("acme", "Riverside", "tickets"), site.branch("acme", "Hill", "tickets"));
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    take_codes(&caller, "p1", 1).await;
    let begun = now();

    let (code, first) = verify(&caller, "A", &pin).await;
    assert_eq!((code.as_str(), &first), ("0000", &json!({"success": true})));

    let (code, again) = verify(&caller, "A", &other).await;
    assert_eq!((code.as_str(), &again["success"]), ("0000", &json!(false)));
    assert_eq!(again["details"]["verified_at"], "Riverside");
    assert!((begun..now()).contains(&instant(&again["details"]["verified_date"])), "{again}");
    assert_eq!(verify(&caller, "A", "wrong").await.1, again, "used up comes before the PIN");

    assert_eq!(site.number("select count(*) from coupon where used_at is not null").await, 1);
    assert!(!process.text().contains(&pin), "a PIN is logged");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_verification_is_refused_for_its_first_reason_and_never_uses_the_coupon_up() {
    let site = Site::with_clients().await;
    site.goods("acme", &format!("{FILM}game,Game,games\n"));
    site.coupons("acme", "tickets", "code\nA\nB\n");
    site.coupons("acme", "games", "code\nG\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    let elsewhere = site.branch("acme", "Arcade", "games");
    let closed = site.branch("acme", "Closed", "tickets");
    let branches = site.json(&["branch", "list"]);
    let id = branches.as_array().expect("branches").iter().find(|b| b["branch"] == "Closed");
    let id = id.expect("the branch")["branch_id"].as_str().expect("an id").to_owned();
    site.json(&["branch", "disable", &id]);
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    take_codes(&caller, "p1", 1).await;

    for (code, pin, expected) in [
        ("nothing", &pin, "0602"),
        ("G", &pin, "0602"),
        ("B", &pin, "0502"),
        ("A", &"wrong".to_owned(), "0608"),
        ("A", &elsewhere, "0608"),
        ("A", &closed, "0608"),
    ] {
        assert_eq!(verify(&caller, code, pin).await, refused(expected), "{code} {pin}");
    }
    let group = json!({"goods_group": "nothing", "coupon_code": "A", "pin_code": pin});
    assert_eq!(caller.decide(VERIFY, &group).await.said(), (200, "0602"));
    site.json(&["branch", "enable", &id]);
    assert_eq!(verify(&caller, "A", &closed).await.1, json!({"success": true}));
    site.close().await;
}

#[tokio::test]
async fn five_wrong_pins_lock_a_coupon_but_not_its_neighbour() {
    let site = Site::with_clients().await;
    site.goods("acme", FILM);
    site.coupons("acme", "tickets", "code\nA\nB\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    take_codes(&caller, "p1", 2).await;

    for _ in 0..5 {
        assert_eq!(verify(&caller, "A", "wrong").await, refused("0608"));
    }
    let locked = caller.decide(VERIFY, &params("A", &pin)).await;
    assert_eq!(locked.said(), (200, "0901"));
    assert_eq!(locked.message(), "Request exceeded , Too much request");
    assert_eq!(verify(&caller, "B", &pin).await.1, json!({"success": true}));
    site.close().await;
}

/// A job with a wrong PIN, accepted when its publisher says.
fn wrong(at: OffsetDateTime) -> Request {
    let params = json!({"goods_group": "tickets", "coupon_code": "A", "pin_hashes": {"k": "h"}});
    Request::new("acme", "verify", &params).with("accepted_at", rfc3339(at).into())
}

#[tokio::test]
async fn wrong_pins_count_once_for_each_job_and_for_a_quarter_of_an_hour() {
    let site = Site::with_clients().await;
    site.goods("acme", FILM);
    site.coupons("acme", "tickets", "code\nA\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.verify").await;
    take_codes(&caller, "p1", 1).await;

    let old = now() - Duration::minutes(16);
    let redelivered = wrong(now());
    let mut requests: Vec<Request> = (0..5).map(|_| wrong(old)).collect();
    requests.extend((0..5).map(|_| redelivered.clone()));
    for request in &requests {
        bench.publish(request).await;
        assert_eq!(results.next().await.json["error_code"], "0608");
    }
    bench.publish(&wrong(old)).await;
    assert_eq!(results.next().await.json["error_code"], "0901", "five had been wrong at that time");

    assert_eq!(verify(&caller, "A", &pin).await.1, json!({"success": true}));
    site.close().await;
}

#[tokio::test]
async fn the_earliest_of_a_coupons_expiries_holds_for_granting_and_for_verifying() {
    let site = Site::with_clients().await;
    let granted_at = now() - Duration::days(3);
    let yesterday = rfc3339(now() - Duration::DAY);
    site.goods(
        "acme",
        &format!(
            "goods_id,name,group,coupon_expires_at,coupon_days\n\
             own,Own,own,,\ndays,Days,days,,2\npool,Pool,pool,{yesterday},30\nlives,Lives,lives,,4\n"
        ),
    );
    for (group, expires_at) in
        [("own", yesterday.as_str()), ("days", ""), ("pool", ""), ("lives", "")]
    {
        site.coupons("acme", group, &format!("code,expires_at\nA,{expires_at}\nB,{expires_at}\n"));
    }
    let pins =
        ["own", "days", "pool", "lives"].map(|group| (group, site.branch("acme", group, group)));
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let bench = Bench::open(&site.amqp_url).await;
    let mut results = bench.results("acme.goods_group").await;

    for (group, pin) in pins {
        let take = json!({"group": group, "player_id": "p1", "amount": 1});
        let request = Request::new("acme", "goods_group", &take);
        let request = request.with("accepted_at", rfc3339(granted_at).into());
        bench.publish(&request).await;
        let granted = results.of(&request).await.json;
        assert_eq!(granted["error_code"], "0000", "{group}: {granted}");
        let expiry = granted["response"]["events"][0]["goods_data"]["coupon_expires_at"].clone();
        let days = |days| rfc3339(granted_at + Duration::days(days));
        let (expected, lives) = match group {
            "days" => (days(2), false),
            "lives" => (days(4), true),
            _ => (yesterday.clone(), false),
        };
        assert_eq!(expiry, expected, "{group}");

        let verify = json!({"goods_group": group, "coupon_code": "A", "pin_code": pin});
        let expected = if lives { "0000" } else { "0504" };
        assert_eq!(caller.decide(VERIFY, &verify).await.said(), (200, expected), "{group}");
        let take = caller.decide("/Redeem/goodsGroup", &take).await;
        let expected = if matches!(group, "own" | "pool") { "0604" } else { "0000" };
        assert_eq!(take.said(), (200, expected), "{group}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_sponsored_coupon_is_verified_by_its_name_unless_the_client_has_a_group_of_that_name() {
    let site = Site::with_clients().await;
    site.goods("@coke", FILM);
    site.coupons("@coke", "tickets", "code\nA\nB\n");
    let pin = site.branch("@coke", "Kiosk", "tickets");
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let take = json!({"group": "tickets", "player_id": "p1", "amount": 2});
    assert_eq!(caller.decide("/Redeem/sponsorGroup", &take).await.said(), (200, "0000"));

    assert_eq!(verify(&caller, "A", &pin).await.1, json!({"success": true}));
    site.goods("acme", FILM);
    assert_eq!(verify(&caller, "B", &pin).await, refused("0602"));
    site.close().await;
}

#[tokio::test]
async fn thirty_verifications_of_one_coupon_use_it_once() {
    let site = Site::with_clients().await;
    site.goods("acme", FILM);
    site.coupons("acme", "tickets", "code\nA\n");
    let pin = site.branch("acme", "Riverside", "tickets");
    let (process, _other) = tokio::join!(site.serve(), site.start(Role::Worker, &[]));
    let caller = site.caller(&process, "acme").await;
    take_codes(&caller, "p1", 1).await;

    let all = (0..30).map(|_| verify(&caller, "A", &pin));
    let all = futures_util::future::join_all(all).await;
    let used = all.iter().filter(|(_, response)| response["success"] == true).count();
    let before = all.iter().filter(|(_, response)| response["success"] == false).count();
    assert_eq!((used, before), (1, 29));
    site.close().await;
}
