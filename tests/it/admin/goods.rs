use super::world::{World, bad, counts, in_world};
use serde_json::json;

const IMPORT: &str = "goods import --client acme";
const SPONSOR: &str = "goods import --sponsor cola";

async fn acme(world: &World) {
    world.client("acme").await;
}

fn reasons(report: &serde_json::Value) -> Vec<String> {
    bad(report).into_iter().map(|(line, reason)| format!("{line}: {reason}")).collect()
}

#[tokio::test]
async fn every_column_is_stored_as_it_was_meant() {
    in_world(|world| async move {
        acme(&world).await;
        let file = "\u{feff}quantity,goods_id,name,price,per_player,per_client,starts_at,ends_at\r\n\
                    10,mug,\"Mug, blue\",custom:gem=2; point=50,3,7,2026-01-01T00:00:00Z,\
                    2027-01-01T02:00:00+02:00\r\n\
                    ,free,,,,,,\r\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [2, 2, 0, 0, 0]));
        let row = "select row_to_json(g)::jsonb - 'id' from goods g where goods_id = ";
        let mug: serde_json::Value =
            serde_json::from_str(&world.value(&format!("{row} 'mug'")).await).expect("JSON");
        assert_eq!(mug["scope"], "acme");
        assert_eq!(mug["name"], "Mug, blue");
        assert_eq!(mug["price"], "point=50;custom:gem=2");
        let bounds = [&mug["quantity"], &mug["per_player"], &mug["per_client"]];
        assert_eq!(bounds, [10, 3, 7]);
        let window =
            "select (starts_at, ends_at) = ('2026-01-01 0:00Z', '2027-01-01 0:00Z') from goods";
        assert_eq!(world.value(&format!("{window} where goods_id = 'mug'")).await, "true");
        let free: serde_json::Value =
            serde_json::from_str(&world.value(&format!("{row} 'free'")).await).expect("JSON");
        let rest = [&free["name"], &free["price"], &free["quantity"]];
        assert_eq!(rest, [&json!("free"), &json!(""), &json!(null)]);

        let version = world.value("select sum(xmin::text::bigint) from goods").await;
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [2, 0, 0, 2, 0]));
        assert_eq!(world.value("select sum(xmin::text::bigint) from goods").await, version);
    })
    .await;
}

#[tokio::test]
async fn bad_rows_are_told_by_line_and_keep_no_other_out() {
    in_world(|world| async move {
        acme(&world).await;
        let file = "goods_id,name,group,quantity,per_player,price,starts_at,ends_at,\
                    coupon_expires_at,coupon_days\n\
                    good-1,,,,,,,,,\n\
                    ,,,,,,,,,\n\
                    neg,,,-1,,,,,,\n\
                    half,,,,1.5,,,,,\n\
                    price,,,,,gold=1,,,,\n\
                    \n\
                    \"quoted\n\nid\",,,,,,,,,\n\
                    day,,,,,,2026-01-01,,,\n\
                    ends,,,,,,2026-01-02T00:00:00Z,2026-01-02T00:00:00Z,,\n\
                    stock,,G,5,,,,,,\n\
                    plain,,,,,,,,2026-01-01T00:00:00Z,\n\
                    days,,,,,,,,,3\n\
                    many,,P,,,,,,,36501\n\
                    ragged\n\
                    good-1,twice,,,,,,,,\n\
                    huge,,,1000000000000001,,,,,,\n\
                    good-2,,G,,,,,,2026-01-01T00:00:00Z,36500\n\
                    other,,G,,,,,,,\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!(code, 1);
        assert_eq!(counts(&report), [17, 2, 0, 0, 15]);
        assert_eq!(
            reasons(&report),
            [
                "3: goods_id: must not be blank",
                "4: quantity: is not a whole number; it must be a whole number from 0 to 1000000000000000",
                "5: per_player: has a fraction; it must be a whole number from 0 to 1000000000000000",
                "6: price: is no asset: use point, badge:<id> or custom:<id>",
                "8: goods_id: must not contain control characters",
                "11: starts_at: is a date without a time of day: write it in RFC 3339, as in \
                 2026-01-31T10:00:00Z",
                "12: ends_at: must be later than starts_at",
                "13: quantity: must be empty for a pool, whose stock is its codes",
                "14: coupon_expires_at, coupon_days: only pools have coupons",
                "15: coupon_expires_at, coupon_days: only pools have coupons",
                "16: coupon_days: is too large; it must be a whole number from 0 to 36500",
                "17: 1 fields, but the header has 10",
                "18: goods `good-1` are on line 2 already",
                "19: quantity: is too large; it must be a whole number from 0 to 1000000000000000",
                "21: group `G` belongs to goods `good-2` already",
            ]
            .as_slice()
        );
        let goods = world.value("select string_agg(goods_id, ' ' order by id) from goods").await;
        assert_eq!(goods, "good-1 good-2");
        assert_eq!(world.value("select name from goods where goods_id = 'good-1'").await, "good-1");
    })
    .await;
}

#[tokio::test]
async fn people_get_bad_rows_on_stderr_and_the_sum_on_stdout() {
    in_world(|world| async move {
        acme(&world).await;
        world.file("g.csv", "goods_id,quantity\na,1\nb,x\nc,2\n");
        let done = world.admin(&format!("{IMPORT} @g.csv")).await;
        assert_eq!(done.code, 1);
        assert_eq!(
            done.out,
            "rows       3\nadded      2\nupdated    0\nunchanged  0\nbad        1\n"
        );
        assert_eq!(
            done.err,
            "line 3: quantity: is not a whole number; it must be a whole number from 0 to 1000000000000000\n"
        );
        let done = world.admin(&format!("{IMPORT} @g.csv --json")).await;
        assert_eq!((done.code, done.err.as_str()), (1, ""));
    })
    .await;
}

#[tokio::test]
async fn thousands_of_bad_rows_are_counted_and_a_thousand_listed() {
    in_world(|world| async move {
        acme(&world).await;
        let file = "goods_id\n".to_owned() + &"a\u{200b}\n".repeat(1_500);
        let (code, report) = world.import(IMPORT, &file).await;
        assert_eq!((code, counts(&report)), (1, [1_500, 0, 0, 0, 1_500]));
        assert_eq!(bad(&report).len(), 1_000);
        world.file("g.csv", &file);
        let done = world.admin(&format!("{IMPORT} @g.csv")).await;
        assert_eq!(done.err.lines().count(), 1_500);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_imported_at_all_is_2_and_changes_nothing() {
    in_world(|world| async move {
        acme(&world).await;
        world.file("empty.csv", "");
        world.file("unknown.csv", "goods_id,colour,size\na,red,1\n");
        world.file("missing.csv", "name\na\n");
        world.file("binary.csv", b"\x7fELF\0\0\0\n");
        world.file("open.csv", format!("goods_id\na\n\"{}", "x\n".repeat(1 << 20)));
        for (words, reason) in [
            (format!("{IMPORT} @none.csv"), "No such file"),
            (format!("{IMPORT} {}", world.dir.display()), "directory"),
            (format!("{IMPORT} @empty.csv"), "it is empty"),
            (format!("{IMPORT} @unknown.csv"), "unknown columns: 2, 3"),
            (format!("{IMPORT} @missing.csv"), "column `goods_id` is missing"),
            (format!("{IMPORT} @binary.csv"), "binary file"),
            (format!("{IMPORT} @open.csv"), "line 3: the row is longer than 1 MiB"),
            (
                "goods import --client nobody @missing.csv".to_owned(),
                "column `goods_id` is missing",
            ),
            ("goods import @empty.csv".to_owned(), "--client"),
            (
                "goods import --client acme --sponsor cola @empty.csv".to_owned(),
                "cannot be used with",
            ),
        ] {
            let done = world.admin(&words).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{words}");
            assert!(done.err.contains(reason), "{words}: {}", done.err);
        }
        world.file("good.csv", "goods_id\na\n");
        let done = world.admin("goods import --client nobody @good.csv").await;
        assert_eq!(done.code, 2);
        assert!(done.err.contains("no client `nobody`"), "{}", done.err);
        assert_eq!(world.value("select count(*) from goods").await, "0");
    })
    .await;
}

#[tokio::test]
async fn a_changed_row_changes_goods_and_an_absent_column_leaves_them() {
    in_world(|world| async move {
        acme(&world).await;
        world.import(IMPORT, "goods_id,name,quantity,price,per_player\na,A,5,point=1,2\n").await;
        let (code, report) = world.import(IMPORT, "goods_id,quantity\na,6\nb,1\n").await;
        assert_eq!((code, counts(&report)), (0, [2, 1, 1, 0, 0]));
        let row =
            "select concat_ws('|', name, coalesce(quantity, -1), price, coalesce(per_player, -1))
                   from goods where goods_id = 'a'";
        assert_eq!(world.value(row).await, "A|6|point=1|2");
        world.import(IMPORT, "goods_id,name,quantity,price,per_player\na,,,,\n").await;
        assert_eq!(world.value(row).await, "a|-1||-1");
    })
    .await;
}

#[tokio::test]
async fn quantity_is_the_total_and_never_less_than_granted() {
    in_world(|world| async move {
        acme(&world).await;
        world
            .import(
                "players import --client acme --import-id 1",
                "player_id,asset,amount\np,point,0\n",
            )
            .await;
        world.import(IMPORT, "goods_id,quantity\na,5\n").await;
        assert_eq!(world.redeem("acme", "a", "p", 3).await, "0000");
        let (code, report) = world.import(IMPORT, "goods_id,quantity\na,2\n").await;
        assert_eq!(
            (code, reasons(&report)),
            (1, vec!["2: quantity: 3 were granted already".to_owned()])
        );
        assert_eq!(world.value("select quantity from goods").await, "5");
        assert_eq!(world.import(IMPORT, "goods_id,quantity\na,3\n").await.0, 0);
        assert_eq!(world.redeem("acme", "a", "p", 1).await, "0604");
        assert_eq!(world.import(IMPORT, "goods_id,quantity\na,\n").await.0, 0);
        assert_eq!(world.redeem("acme", "a", "p", 100).await, "0000");
        assert_eq!(world.import(IMPORT, "goods_id,quantity\na,103\n").await.0, 0);
        assert_eq!(world.redeem("acme", "a", "p", 1).await, "0604");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_group_is_for_good() {
    in_world(|world| async move {
        acme(&world).await;
        world.import(IMPORT, "goods_id,group\npool,G\nplain,\n").await;
        let (code, report) = world
            .import(IMPORT, "goods_id,group,name\npool,H,x\npool2,G,x\nplain,P,x\nthird,H,x\n")
            .await;
        assert_eq!(code, 1);
        assert_eq!(
            reasons(&report),
            [
                "2: group: it is `G`, and cannot change",
                "3: group `G` belongs to goods `pool` already",
                "4: group: goods created without one cannot become a pool",
            ]
        );
        assert_eq!(
            reasons(&world.import(IMPORT, "goods_id,group\npool,\n").await.1),
            ["2: group: it is `G`, and cannot change"]
        );
        let (code, _) = world.import(IMPORT, "goods_id,coupon_days\npool,7\n").await;
        assert_eq!(
            (code, world.value("select coupon_days from goods where group_name = 'G'").await),
            (0, "7".to_owned())
        );
        assert_eq!(
            reasons(&world.import(IMPORT, "goods_id,quantity\npool,7\n").await.1),
            ["2: quantity: must be empty for a pool, whose stock is its codes"]
        );
        assert_eq!(
            reasons(&world.import(IMPORT, "goods_id,coupon_days\nplain,7\n").await.1),
            ["2: coupon_expires_at, coupon_days: only pools have coupons"]
        );
    })
    .await;
}

#[tokio::test]
async fn owners_do_not_see_each_other_but_sponsors_share_their_names() {
    in_world(|world| async move {
        acme(&world).await;
        world.client("other").await;
        let file = "goods_id,group\na,G\n";
        for owner in ["--client acme", "--client other", "--sponsor cola"] {
            let (code, report) = world.import(&format!("goods import {owner}"), file).await;
            assert_eq!((code, counts(&report)), (0, [1, 1, 0, 0, 0]), "{owner}");
        }
        assert_eq!(
            world
                .value("select string_agg(concat(scope, sponsor), ' ' order by id) from goods")
                .await,
            "acme other *cola"
        );
        let (code, report) =
            world.import("goods import --sponsor pepsi", "goods_id,group\na,G\nb,G\nc,\n").await;
        assert_eq!((code, counts(&report)), (1, [3, 1, 0, 0, 2]));
        assert_eq!(
            reasons(&report),
            [
                "2: goods_id `a` belongs to sponsor `cola`",
                "3: group `G` belongs to goods `a` already"
            ]
        );
        assert_eq!(world.import(SPONSOR, "goods_id,name\na,new\n").await.0, 0);
        assert_eq!(
            world.value("select name from goods where scope = '*' and goods_id = 'a'").await,
            "new"
        );
        assert_eq!(world.value("select name from goods where scope = 'acme'").await, "a");
    })
    .await;
}

#[tokio::test]
async fn a_limit_set_late_counts_what_the_ledger_granted() {
    in_world(|world| async move {
        acme(&world).await;
        let players = "player_id,asset,amount\np,point,0\nq,point,0\n";
        world.import("players import --client acme --import-id 1", players).await;
        let limits = async |per_player: &str, per_client: &str| {
            let file = format!("goods_id,per_player,per_client\na,{per_player},{per_client}\n");
            assert_eq!(world.import(IMPORT, file).await.0, 0, "{per_player} {per_client}");
            world.assert_balanced().await;
        };
        let usage = async || {
            let usage = "select concat_ws(' ',
                (select string_agg(player_id || granted || '/' || cap, ' ' order by player_id)
                 from player_usage),
                                               (select granted || '/' || cap from client_usage))";
            world.value(usage).await
        };
        let redeem = async |player, amount| world.redeem("acme", "a", player, amount).await;

        limits("", "").await;
        assert_eq!(redeem("p", 3).await, "0000");
        assert_eq!(usage().await, "");
        // Set below what was granted: p keeps his 3 and gets nothing more.
        limits("2", "10").await;
        assert_eq!(usage().await, "p3/3 3/10");
        assert_eq!((redeem("p", 1).await, redeem("q", 2).await), ("0601".into(), "0000".into()));
        // Raised and lowered: usage goes on.
        limits("5", "6").await;
        assert_eq!((redeem("p", 2).await, redeem("p", 1).await), ("0604".into(), "0000".into()));
        limits("3", "6").await;
        assert_eq!(redeem("p", 1).await, "0601");
        assert_eq!(usage().await, "p4/5 q2/2 6/6");
        // Removed: not counted any more. Set again: counted afresh, the new rows as well.
        limits("", "").await;
        assert_eq!((redeem("p", 10).await, redeem("q", 1).await), ("0000".into(), "0000".into()));
        assert_eq!(usage().await, "p4/5 q2/2 6/6");
        limits("4", "17").await;
        assert_eq!(usage().await, "p14/14 q3/4 17/17");
        assert_eq!((redeem("q", 1).await, redeem("p", 1).await), ("0604".into(), "0601".into()));
        // One limit set while the other stays.
        limits("4", "").await;
        assert_eq!(redeem("q", 1).await, "0000");
        limits("4", "100").await;
        assert_eq!(usage().await, "p14/14 q4/4 18/100");
    })
    .await;
}

#[tokio::test]
async fn the_same_goods_far_down_the_file_are_still_the_same() {
    in_world(|world| async move {
        acme(&world).await;
        let mut file = "goods_id,name\n".to_owned();
        for n in 0..5_100 {
            file += &format!("g{n},x\n");
        }
        file += "g0,y\ng5050,y\n";
        let (code, report) = world.import(IMPORT, &file).await;
        assert_eq!((code, counts(&report)), (1, [5_102, 5_100, 0, 0, 2]));
        assert_eq!(
            reasons(&report),
            [
                "5102: goods `g0` are on line 2 already",
                "5103: goods `g5050` are on line 5052 already"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn two_imports_at_once_take_turns() {
    in_world(|world| async move {
        acme(&world).await;
        let mut one = "goods_id,group\n".to_owned();
        let mut two = one.clone();
        for n in 0..300 {
            one += &format!("g{n},G{n}\n");
            two += &format!("g{0},G{0}\n", 299 - n);
        }
        let (one, two) = tokio::join!(world.import(IMPORT, &one), world.import(IMPORT, &two));
        assert_eq!((one.0, two.0), (0, 0));
        let sums: Vec<i64> =
            counts(&one.1).into_iter().zip(counts(&two.1)).map(|(a, b)| a + b).collect();
        assert_eq!(sums, [600, 300, 0, 300, 0]);
    })
    .await;
}

#[tokio::test]
async fn an_import_sees_what_the_one_before_it_made() {
    in_world(|world| async move {
        acme(&world).await;
        // What the other import holds between its look at the goods and its commit.
        let mut other = world.pool.begin().await.expect("a transaction");
        sqlx::raw_sql(
            "select pg_advisory_xact_lock(hashtextextended('goods import acme', 0));
             insert into goods (scope, goods_id, name, group_name) values ('acme', 'a', 'a', 'G')",
        )
        .execute(&mut *other)
        .await
        .expect("the other import");
        let import = tokio::spawn({
            let world = world.clone();
            async move { world.import(IMPORT, "goods_id,group\na,H\nb,G\nc,\n").await }
        });
        world.until_waiting().await;
        other.commit().await.expect("commits");
        let (code, report) = import.await.expect("no panic");
        assert_eq!((code, counts(&report)), (1, [3, 1, 0, 0, 2]));
        assert_eq!(
            reasons(&report),
            ["2: group: it is `G`, and cannot change", "3: group `G` belongs to goods `a` already"]
        );
    })
    .await;
}

#[tokio::test]
async fn an_import_waits_for_a_worker_and_sees_what_it_did() {
    in_world(|world| async move {
        acme(&world).await;
        world.import(IMPORT, "goods_id,quantity\na,5\n").await;
        let mut worker = world.pool.begin().await.expect("a transaction");
        sqlx::raw_sql("select from goods for update").execute(&mut *worker).await.expect("a lock");
        let import = tokio::spawn({
            let world = world.clone();
            async move { world.import(IMPORT, "goods_id,quantity\na,2\n").await }
        });
        world.until_waiting().await;
        assert!(!import.is_finished(), "the import didn't wait for the goods' lock");
        sqlx::raw_sql("update goods set granted = 3")
            .execute(&mut *worker)
            .await
            .expect("an update");
        worker.commit().await.expect("commits");
        let (code, report) = import.await.expect("no panic");
        assert_eq!(
            (code, reasons(&report)),
            (1, vec!["2: quantity: 3 were granted already".to_owned()])
        );
    })
    .await;
}
