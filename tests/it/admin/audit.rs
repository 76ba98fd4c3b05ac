use super::world::{World, in_world, secrets};
use redeemq::domain::operation::Operation;
use redeemq::store::audit;
use serde_json::json;
use std::collections::BTreeSet;

/// One of everything: stock under both limits, pools of a client and of a sponsor, free goods,
/// refusals, coupons held and used.
async fn books(world: &World) {
    for client in ["acme", "other"] {
        world.client(client).await;
        let words = format!("players import --client {client} --import-id 1");
        world
            .import(&words, "player_id,asset,amount\np,point,100\np,badge:b,5\nq,point,100\n")
            .await;
    }
    let goods = "goods_id,group,quantity,per_player,per_client,price\n\
                 mug,,10,5,8,point=5;badge:b=1\nfree,,,,,\npool,G,,,,point=1\npool2,H,,,,\n";
    world.import("goods import --client acme", goods).await;
    world.import("goods import --sponsor cola", "goods_id,group\ns,S\n").await;
    for (owner, group) in [("--client acme", "G"), ("--client acme", "H"), ("--sponsor cola", "S")]
    {
        let words = format!("coupons import {owner} --group {group}");
        world.import(&words, "code\nA\nB\nC\nD\nE\n").await;
    }
    let pin =
        world.ok("branch create --client acme --merchant M --branch B --group G").await["pin_code"]
            .as_str()
            .expect("a PIN")
            .to_owned();
    world.ok("branch create --sponsor cola --merchant M --branch B --group S").await;

    assert_eq!(world.redeem("acme", "mug", "p", 2).await, "0000");
    assert_eq!(world.redeem("acme", "mug", "q", 1).await, "0606");
    assert_eq!(world.redeem("acme", "free", "q", 7).await, "0000");
    for (group, amount) in [("G", 2), ("G", 1), ("H", 1)] {
        let params = json!({"group": group, "player_id": "p", "amount": amount});
        assert_eq!(world.job("acme", Operation::GoodsGroup, params).await, "0000");
    }
    let params = json!({"group": "S", "player_id": "p", "amount": 1});
    assert_eq!(world.job("other", Operation::SponsorGroup, params).await, "0000");
    for code in ["A", "A"] {
        let hashes = secrets().pin_hashes(&pin);
        let params = json!({"goods_group": "G", "coupon_code": code, "pin_hashes": hashes});
        assert_eq!(world.job("acme", Operation::Verify, params).await, "0000");
    }
}

const GRANTED: &str = "goods count as granted what the ledger granted";
const CODES: &str = "goods count as codes the coupons there are";
const HELD: &str = "pools have granted the coupons that are held";
const STOCK: &str = "no goods are granted beyond their stock";
const PLAYER_USAGE: &str = "per-player usage is what the ledger granted";
const CLIENT_USAGE: &str = "per-client usage is what the ledger granted";
const PLAYER_CAP: &str = "no player is beyond the limit that he was granted under";
const CLIENT_CAP: &str = "no client is beyond the cap that it was granted under";
const BALANCE: &str = "balances are what was imported less what was spent";
const BELOW_ZERO: &str = "no balance is below zero";
const HOLDER: &str = "every coupon held was granted to its holder by one decided job";
const COUPONS: &str = "every job that granted codes has as many coupons as it granted";
const USED: &str =
    "every coupon used was held, and used by a decided verification of its holder's client";
const VERIFIED: &str = "every verification that said yes used one coupon";
const OUTCOME: &str = "only successes granted, and every successful redeem did";
const SPENT: &str = "what was spent was spent on a grant, and can be read";
const BODY: &str = "every stored answer says the code that the ledger says";
const OWN_GOODS: &str = "clients were granted goods of their own or sponsored ones";
const OWN_BRANCH: &str = "branches may verify pools of their own owner";

/// A ledger row as one could only make it by hand.
fn ledger(client: &str, operation: &str, code: &str, goods: &str, granted: i64) -> String {
    format!(
        "insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code,
                             goods, player_id, granted, body)
         values ('{client}', gen_random_uuid(), '', '{operation}', now(), now(), '{code}',
                 coalesce((select id from goods where goods_id = '{goods}'), 99), 'p', {granted},
                 '{{\"error_code\":\"{code}\"}}');"
    )
}

const TABLES: [&str; 10] = [
    "client",
    "goods",
    "coupon",
    "balance",
    "player_import",
    "player_usage",
    "client_usage",
    "branch",
    "branch_group",
    "ledger",
];

/// Takes the database's own guards away, and remembers the sound books.
async fn unguard(world: &World) {
    let mut sql = "alter table goods drop constraint goods_stock_not_exceeded;
                   alter table goods drop constraint goods_codes_not_exceeded;
                   alter table coupon drop constraint coupon_used_only_when_held;
                   alter table balance drop constraint balance_not_negative;
                   alter table player_import drop constraint player_import_not_negative;
                   alter table player_usage drop constraint player_usage_within_limit;
                   alter table client_usage drop constraint client_usage_within_cap;
                   create schema sound;"
        .to_owned();
    for table in TABLES {
        sql += &format!("create table sound.{table} as table {table};");
    }
    world.sql(&sql).await;
}

/// Breaks the sound books without their triggers.
async fn break_books(world: &World, with: &str) {
    let mut sql =
        format!("set session_replication_role = replica; truncate {} cascade;", TABLES.join(","));
    for table in TABLES {
        sql += &format!("insert into {table} overriding system value table sound.{table};");
    }
    world.sql(&format!("{sql} {with}; reset session_replication_role")).await;
}

/// Which checks notice, and what they show.
async fn noticed(world: &World) -> (BTreeSet<String>, String) {
    let done = world.admin("audit --json").await;
    let report = done.json();
    let checks = report["checks"].as_array().expect("a list");
    let broken: Vec<_> = checks.iter().filter(|check| check["ok"] == false).collect();
    assert_eq!((report["ok"] == false, done.code == 1), (!broken.is_empty(), !broken.is_empty()));
    for check in &broken {
        assert!(check["broken"].as_i64() > Some(0) && check["examples"][0].is_string(), "{check}");
    }
    let names = broken.iter().map(|check| check["check"].as_str().expect("a name").to_owned());
    (names.collect(), json!(broken).to_string())
}

/// Each of these statements breaks the first check of its list, and the others only because they
/// look at the same rows from another side.
fn breaks() -> Vec<(String, Vec<&'static str>)> {
    let coupon = "update coupon c set";
    let of = |group: &str, rest: &str| {
        format!("from goods g where g.id = c.goods and g.group_name = '{group}' and {rest}")
    };
    let unheld = "job_key = null, holder_client = null, holder_player = null, valid_until = null";
    let count_it = "update goods set granted = granted + 1 where goods_id = 'free'";
    let unused = "used_key = null, used_at = null, used_branch = null";
    let yes = "(select used_key from coupon where used_key is not null)";
    let again = "(select job_key from ledger where operation = 'verify' and body like '%details%')";
    let one = "(select l.job_key from ledger l join goods g on g.id = l.goods
                where g.group_name = 'G' and l.granted = 1)";
    vec![
        ("update goods set granted = granted + 1 where goods_id = 'mug'".into(), vec![GRANTED]),
        ("update goods set granted = granted - 1 where goods_id = 'free'".into(), vec![GRANTED]),
        (ledger("acme", "goods", "0000", "nothing", 1), vec![GRANTED]),
        ("update goods set codes = codes + 1 where group_name = 'S'".into(), vec![CODES]),
        ("delete from coupon where code = 'E'".into(), vec![CODES]),
        (
            format!(
                "{coupon} job_key = {one}, holder_client = 'acme', holder_player = 'p' {};
                 {coupon} {unheld} {}",
                of("H", "c.code = 'E'"),
                of("G", &format!("c.job_key = {one}"))
            ),
            vec![HELD, HOLDER],
        ),
        ("update goods set quantity = 1 where goods_id = 'mug'".into(), vec![STOCK]),
        ("update goods set codes = 2 where group_name = 'G'".into(), vec![STOCK, CODES]),
        ("update player_usage set granted = granted - 1".into(), vec![PLAYER_USAGE]),
        ("delete from player_usage".into(), vec![PLAYER_USAGE]),
        (
            "insert into player_usage select client_id, goods, 'nobody', 1, 5 from player_usage"
                .into(),
            vec![PLAYER_USAGE],
        ),
        ("update client_usage set granted = granted + 1".into(), vec![CLIENT_USAGE]),
        ("delete from client_usage".into(), vec![CLIENT_USAGE]),
        ("update player_usage set cap = 1".into(), vec![PLAYER_CAP]),
        ("update client_usage set cap = 1".into(), vec![CLIENT_CAP]),
        ("update balance set amount = amount + 1 where player_id = 'q'".into(), vec![BALANCE]),
        ("delete from balance where asset = 'badge:b'".into(), vec![BALANCE]),
        ("insert into balance values ('acme', 'nobody', 'point', 0)".into(), vec![BALANCE]),
        ("delete from player_import where player_id = 'q'".into(), vec![BALANCE]),
        ("update ledger set spent = 'point=11;badge:b=2' where granted = 2".into(), vec![BALANCE]),
        (
            "insert into balance values ('acme', 'x', 'point', -1);
             insert into player_import values ('acme', '1', 'x', 'point', -1)"
                .into(),
            vec![BELOW_ZERO],
        ),
        (format!("{coupon} holder_player = 'q' {}", of("S", "job_key is not null")), vec![HOLDER]),
        (
            format!("{coupon} holder_client = 'acme' {}", of("S", "job_key is not null")),
            vec![HOLDER, COUPONS],
        ),
        (format!("{coupon} {unheld} {}", of("S", "job_key is not null")), vec![COUPONS, HELD]),
        (
            format!(
                "{coupon} job_key = {one} {}",
                of("G", "job_key is not null and used_key is null")
            ),
            vec![COUPONS],
        ),
        (
            format!("{coupon} used_key = {one} {}", of("G", "used_key is not null")),
            vec![USED, VERIFIED],
        ),
        (
            format!("{coupon} used_key = {again} {}", of("G", "used_key is not null")),
            vec![VERIFIED],
        ),
        (
            format!(
                "{coupon} used_key = {yes}, used_at = now(), used_branch = 1 {}",
                of("H", "c.code = 'E'")
            ),
            vec![USED, VERIFIED],
        ),
        (format!("{coupon} {unused} {}", of("G", "used_key is not null")), vec![VERIFIED]),
        (
            format!(
                "{coupon} used_key = {yes}, used_at = now(), used_branch = 1 {}",
                of("G", "c.code = 'B'")
            ),
            vec![VERIFIED],
        ),
        (ledger("acme", "goods", "0604", "free", 1) + count_it, vec![OUTCOME]),
        (ledger("acme", "goods", "0000", "free", 0), vec![OUTCOME]),
        ("update ledger set spent = 'point=0' where code = '0606'".into(), vec![SPENT]),
        (
            "update ledger set spent = 'lots' where spent is null and granted = 7".into(),
            vec![SPENT],
        ),
        (r#"update ledger set body = replace(body, '"0606"', '"0000"')"#.into(), vec![BODY]),
        ("update ledger set body = 'nonsense' where code = '0606'".into(), vec![BODY]),
        (ledger("other", "goods", "0000", "free", 1) + count_it, vec![OWN_GOODS]),
        (
            "insert into branch_group select g.id, b.id from goods g, branch b
             where g.group_name = 'S' and b.scope = 'acme'"
                .into(),
            vec![OWN_BRANCH],
        ),
        ("update branch set sponsor = 'pepsi' where scope = '*'".into(), vec![OWN_BRANCH]),
    ]
}

#[tokio::test]
async fn every_way_to_break_the_books_is_found_and_named() {
    in_world(|world| async move {
        books(&world).await;
        unguard(&world).await;
        break_books(&world, "").await;
        world.assert_balanced().await;
        let mut wrong = Vec::new();
        for (sql, expected) in breaks() {
            break_books(&world, &sql).await;
            let (names, report) = noticed(&world).await;
            let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
            if names != expected {
                wrong.push(format!("{sql}\n{names:#?}\ninstead of {expected:#?}\n{report}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    })
    .await;
}

#[tokio::test]
async fn every_check_is_broken_by_one_of_the_tests() {
    in_world(|world| async move {
        let report = audit::audit(&world.pool).await.expect("an audit of nothing");
        assert!(report.ok);
        let checks: BTreeSet<&str> = report.checks.iter().map(|check| check.check).collect();
        let broken: BTreeSet<&str> = breaks().into_iter().map(|(_, checks)| checks[0]).collect();
        assert_eq!(checks, broken);
    })
    .await;
}

#[tokio::test]
async fn a_sound_book_has_a_line_for_each_promise_and_totals() {
    in_world(|world| async move {
        books(&world).await;
        let done = world.admin("audit").await;
        assert_eq!(done.code, 0);
        let mut lines: Vec<&str> = done.out.lines().collect();
        assert_eq!(
            lines.pop(),
            Some(
                "9 decisions granted 14 units; 5 of 15 codes issued, 1 used; \
                 5 goods, 2 clients, 4 players"
            )
        );
        assert_eq!(lines.len(), 19);
        assert!(lines.iter().all(|line| line.starts_with("ok  P")), "{}", done.out);
        let report = world.ok("audit").await;
        assert_eq!(report["ok"], true);
        assert_eq!(
            report["totals"],
            json!({"clients": 2, "goods": 5, "ledger_rows": 9, "granted": 14, "codes": 15,
                   "codes_issued": 5, "codes_used": 1, "players": 4})
        );
        assert_eq!(report["checks"][0]["broken"], 0);
    })
    .await;
}

#[tokio::test]
async fn many_broken_rows_are_counted_and_twenty_shown() {
    in_world(|world| async move {
        let many = "select 'acme', 'p' || n, 'point', 1 from generate_series(1, 33) n";
        world.sql(&format!("insert into balance {many}")).await;
        let done = world.admin("audit").await;
        assert_eq!(done.code, 1);
        let example = " of acme: point: balance says 1, imports and ledger say nothing";
        let shown = done.out.lines().filter(|line| line.contains(example));
        assert_eq!(shown.count(), 20);
        for part in ["BROKEN  P5  balances", "and 13 more"] {
            assert!(done.out.contains(part), "{}", done.out);
        }
        let report = audit::audit(&world.pool).await.expect("an audit");
        let check = report.checks.iter().find(|check| !check.ok);
        assert_eq!(check.map(|check| (check.broken, check.examples.len())), Some((33, 20)));
    })
    .await;
}

#[tokio::test]
async fn an_audit_sees_one_instant_while_others_write() {
    in_world(|world| async move {
        books(&world).await;
        let writing = tokio::spawn({
            let world = world.clone();
            async move {
                for _ in 0..60 {
                    assert_eq!(world.redeem("acme", "free", "p", 1).await, "0000");
                }
            }
        });
        let mut audits = 0;
        while !writing.is_finished() {
            world.assert_balanced().await;
            audits += 1;
        }
        writing.await.expect("no panic");
        assert!(audits > 0);
    })
    .await;
}
