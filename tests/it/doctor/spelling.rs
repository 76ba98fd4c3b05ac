//! Ids and codes that nobody can name: found, counted, and never shown.

use super::{ask, doctor};
use harness::Site;
use redeemq::domain::id::Id;
use redeemq::domain::visible::{is_invisible, is_outer};
use redeemq::store::spelling::unreachable;

const POOLS: &str = "goods_id,name,group\nfilm,Film,tickets\ngame,Game,games\n";

#[tokio::test]
async fn what_nobody_can_name_is_counted_and_never_shown() {
    let site = Site::with_clients().await;
    site.goods("acme", POOLS);
    site.coupons("acme", "tickets", "code\nTICKET-7\nTICKET-8\n");
    site.coupons("acme", "games", "code\nTICKET-9\n");
    let clean = doctor(&site);
    clean.assert("ok", &["every id and code can be named", "3 coupon codes", "--deep"]);

    for code in
        ["TICKET-7 ", " TICKET-9", "TICK\u{200b}ET-8", "\u{a0}ALONE", "TWIN ", "TWIN\u{feff}"]
    {
        // As they were imported before white space around them was ignored.
        let sql = format!(
            "insert into coupon (goods, code) select id, '{code}' from goods where group_name = 'tickets'"
        );
        site.tamper(&sql).await;
    }
    site.tamper("update goods set codes = codes + 6 where group_name = 'tickets'").await;
    site.tamper("update goods set goods_id = 'film ' where goods_id = 'film'").await;
    site.tamper("insert into balance values ('acme', 'ann\u{2060}', 'point', 1)").await;
    for arguments in [&[][..], &["--deep"], &["--for", "worker"]] {
        let said = ask(&site, &[], arguments);
        // TICKET-9 is a code of another pool.
        let alike = "4 of them look like another code of their pool";
        said.assert("warning", &["6 of 9 coupon codes", alike, "docs/operations.md"]);
        said.assert("warning", &["1 of ", "goods and branches"]);
        said.assert("warning", &["1 of ", "players' balances"]);
        assert_eq!((said.status, said.of("fatal").len()), (Some(1), 0), "{}", said.report);
        for name in ["TICK", "ALONE", "TWIN", "film", "ann"] {
            assert!(!said.text.contains(name), "{name} in {}", said.text);
        }
    }
    // An ingress may read no code, and its user is not asked to.
    assert!(ask(&site, &[], &["--for", "ingress"]).left_out("ids and codes"));
    site.close().await;
}

#[tokio::test]
async fn a_large_table_is_not_read_to_its_end_unless_one_asks_for_it() {
    let site = Site::with_clients().await;
    site.goods("acme", POOLS);
    site.tamper(
        "insert into coupon (goods, code) select g.id, 'C' || i || case when i % 2 = 0 then ' ' else '' end
         from goods g, generate_series(1, 200000) as i where g.group_name = 'tickets'",
    )
    .await;
    site.tamper("update goods set codes = 200000 where group_name = 'tickets'").await;
    site.tamper("analyze coupon").await;
    let looked_at = |arguments: &[&str]| {
        let warnings = ask(&site, &[], arguments).of("warning");
        let codes =
            warnings.iter().find(|warning| warning.contains("coupon codes")).expect("codes");
        let counts: Vec<i64> = codes.split(' ').filter_map(|word| word.parse().ok()).collect();
        (counts[0], counts[1])
    };
    let (unreachable, looked) = looked_at(&[]);
    // Pages are drawn by chance.
    assert!((20_000..=50_000).contains(&looked), "{looked}");
    assert!((looked * 4 / 10..looked * 6 / 10).contains(&unreachable), "{unreachable} of {looked}");
    assert_eq!(looked_at(&["--deep"]), (100_000, 200_000));
    site.close().await;
}

#[tokio::test]
async fn the_database_finds_what_the_rule_would_not_take_and_nothing_else() {
    let site = Site::open().await;
    let is_special = |c: &char| is_invisible(*c) || is_outer(*c) || c.is_control();
    let special = ('\u{1}'..=char::MAX).filter(is_special);
    // One of each hundred of all the others, and all neighbours.
    let beside = special.clone().flat_map(|c| {
        [u32::from(c).wrapping_sub(1), u32::from(c) + 1].into_iter().filter_map(char::from_u32)
    });
    let others = ('\u{1}'..=char::MAX).step_by(97);
    let characters = special.chain(beside).chain(others).filter(|c| *c != '\0');
    let texts: Vec<String> = characters
        .flat_map(|c| [format!("{c}a"), format!("a{c}"), format!("a{c}b"), format!("{c}")])
        .chain(["a", "a b", "é", "ß-1"].map(str::to_owned))
        .collect();
    assert!(texts.len() > 40_000, "{}", texts.len());
    let found = unreachable(&site.store, &texts).await.expect("an answer");
    let is_unreachable =
        |text: &&String| Id::parse(text).map(|id| id.as_str() == *text) != Ok(true);
    let expected: Vec<&String> = texts.iter().filter(is_unreachable).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    site.close().await;
}
