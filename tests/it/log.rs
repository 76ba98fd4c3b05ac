//! The log of operators: a row for each change, in the transaction that makes it.

use harness::{Bench, Site, mug, with_mugs};
use serde_json::{Value, json};

/// What, subject, before and after of each row, oldest first.
fn log(site: &Site) -> Vec<(String, String, Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = site.json(&["log"]);
    let rows = rows.as_array().expect("rows");
    rows.iter()
        .map(|row| {
            (text(&row["what"]), text(&row["subject"]), row["before"].clone(), row["after"].clone())
        })
        .collect()
}

#[tokio::test]
async fn every_command_that_changes_something_is_one_row_and_what_changes_nothing_is_none() {
    let site = Site::open().await;
    site.json(&["client", "create", "acme", "--name", "Acme"]);
    site.json(&["client", "set", "acme", "--answers", "sync"]);
    site.json(&["client", "set", "acme", "--answers", "sync"]);
    site.json(&["client", "disable", "acme"]);
    site.json(&["client", "enable", "acme"]);
    site.json(&["client", "enable", "acme"]);
    site.json(&["client", "list"]);
    site.json(&["client", "new-secret", "acme"]);
    site.json(&["client", "revoke-tokens", "acme"]);
    site.goods("acme", "goods_id,name,group\nfilm,Film,tickets\n");
    site.goods("acme", "goods_id,name,group\nfilm,Film,tickets\n");
    site.coupons("acme", "tickets", "code\nSECRET-A\nSECRET-B\n");
    let players = ["players", "import", "--client", "acme", "--import-id", "may"];
    site.import(&players, "player_id,asset,amount\nann,point,7\n");
    site.import(&players, "player_id,asset,amount\nann,point,7\n");
    site.json(&["goods", "watch", "--client", "acme", "film"]);
    site.json(&["goods", "unwatch", "--client", "acme", "film"]);
    site.branch("acme", "Riverside", "tickets");
    site.json(&["branch", "disable", "1"]);
    site.json(&["branch", "enable", "1"]);
    site.json(&["branch", "new-pin", "1"]);
    site.audit();

    let on = |enabled: bool| json!({"enabled": enabled});
    let none = Value::Null;
    let film = json!({"goods": ["film"]});
    let expected = [
        ("client create", "acme", none.clone(), json!({"name": "Acme", "answers": "async"})),
        ("client set", "acme", json!({"answers": "async"}), json!({"answers": "sync"})),
        ("client disable", "acme", on(true), on(false)),
        ("client enable", "acme", on(false), on(true)),
        (
            "client new-secret",
            "acme",
            none.clone(),
            json!({"api_secret": "replaced", "old_until": null}),
        ),
        ("client revoke-tokens", "acme", none.clone(), json!({"tokens": "revoked"})),
        ("goods import", "acme", none.clone(), json!({"added": 1, "updated": 0})),
        ("coupons import", "acme tickets", none.clone(), json!({"added": 2, "updated": 0})),
        ("players import", "acme may", none.clone(), json!({"added": 1, "updated": 0})),
        ("goods watch", "acme", none.clone(), film.clone()),
        ("goods unwatch", "acme", none.clone(), film),
        (
            "branch create",
            "1",
            none.clone(),
            json!({"owner": "acme", "merchant": "Mart", "branch": "Riverside", "groups": ["tickets"]}),
        ),
        ("branch disable", "1", on(true), on(false)),
        ("branch enable", "1", on(false), on(true)),
        ("branch new-pin", "1", none, json!({"pin": "replaced"})),
    ];
    let found = log(&site);
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(what, subject, before, after)| (what.to_owned(), subject.to_owned(), before, after))
        .collect();
    assert_eq!(found, expected);
    assert!(!format!("{found:?}").contains("SECRET-"), "a code is in the log");
    site.close().await;
}

#[tokio::test]
async fn dead_letters_that_are_replayed_or_dropped_are_rows() {
    let site = with_mugs().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    for job in [mug("acme"), mug("acme")] {
        bench.put("redeem.dead", &job).await;
    }
    let dead = site.json(&["dead", "list"]);
    let id = |at: usize| dead[at]["id"].as_str().expect("an id").to_owned();
    site.json(&["dead", "replay", "--all", "--dry-run"]);
    site.json(&["dead", "drop", &id(0)]);
    site.json(&["dead", "replay", &id(1)]);
    let dead_rows: Vec<_> =
        log(&site).into_iter().filter(|row| row.0.starts_with("dead ")).collect();
    let said: Vec<_> =
        dead_rows.iter().map(|row| (row.0.as_str(), row.1.clone(), &row.3)).collect();
    let (dropped, sent) = (json!({"done": "dropped"}), json!({"done": "sent to the workers"}));
    assert_eq!(said, [("dead drop", id(0), &dropped), ("dead replay", id(1), &sent)]);
    site.close().await;
}

#[tokio::test]
async fn the_log_says_who_and_when_and_can_be_searched_and_never_be_rewritten() {
    let site = Site::open().await;
    site.json(&["client", "create", "acme", "--operator", "Ann Lee"]);
    let made = site.run_with(&["client", "create", "zeta"], &[("REDEEMQ_OPERATOR", "bob")]);
    assert!(made.status.success());
    let named = |words: &[&str]| {
        let rows = site.json(&[&["log"], words].concat());
        let who = |row: &Value| row["who"].as_str().unwrap_or_default().to_owned();
        rows.as_array().expect("rows").iter().map(who).collect::<Vec<_>>()
    };
    assert_eq!(named(&[]), ["Ann Lee", "bob"]);
    assert_eq!(named(&["--who", "bob"]), ["bob"]);
    assert_eq!(named(&["--since", "1h"]), ["Ann Lee", "bob"]);
    assert_eq!(named(&["--since", "2999-01-01T00:00:00Z"]), [""; 0]);
    assert_eq!(named(&["--limit", "1"]), ["bob"]);
    let row = &site.json(&["log", "--limit", "1"])[0];
    assert!(row["database_user"].as_str().is_some_and(|user| user.contains("operator")), "{row}");
    assert!(row["at"].as_str().is_some_and(|at| at.starts_with("20")), "{row}");

    for sql in ["update audit_log set who = 'x'", "delete from audit_log", "truncate audit_log"] {
        let refused = sqlx::query(sql).execute(&site.store).await.expect_err("append-only");
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(named(&[]), ["Ann Lee", "bob"]);
    site.close().await;
}
