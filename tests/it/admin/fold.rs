//! `coupons import --fold-case`: pools in which upper and lower case are one.

use super::world::{World, bad, counts, in_world};
use redeemq::domain::operation::Operation;
use serde_json::json;

const IMPORT: &str = "coupons import --client acme --group G";
const FOLD: &str = "coupons import --client acme --group G --fold-case";
const CODES: &str =
    "select string_agg(code || ' ' || coalesce(shown, '-'), '|' order by id) from coupon";

async fn pool(world: &World) {
    world.client("acme").await;
    let pools = "goods_id,group\npool,G\nother,H\n";
    let (code, _) = world.import("goods import --client acme", pools).await;
    assert_eq!(code, 0);
}

#[tokio::test]
async fn codes_are_stored_folded_beside_their_spelling_and_handed_out_as_they_came() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "code\nSAVE-TEN\nsave-5\nStraße\n";
        let (code, report) = world.import(FOLD, file).await;
        assert_eq!((code, counts(&report)), (0, [3, 3, 0, 0, 0]));
        assert_eq!(world.value(CODES).await, "save-ten SAVE-TEN|save-5 -|strasse Straße");
        // Again, without the option: the pool knows.
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [3, 0, 0, 3, 0]));
        world
            .import(
                "players import --client acme --import-id 1",
                "player_id,asset,amount\np,point,0\n",
            )
            .await;
        let params = json!({"group": "G", "player_id": "p", "amount": 3});
        assert_eq!(world.job("acme", Operation::GoodsGroup, params).await, "0000");
        let handed_out = world.value("select body from ledger").await;
        for shown in ["SAVE-TEN", "save-5", "Straße"] {
            assert!(handed_out.contains(&format!("\"{shown}\"")), "{handed_out}");
        }
        assert!(!handed_out.contains("strasse"), "{handed_out}");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn two_codes_that_fold_alike_are_one_code_and_a_bad_row() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "code\nSAVE-TEN\nsave-ten\nSTRASSE\nSave-Six\nstraße\n";
        let (code, report) = world.import(FOLD, file).await;
        assert_eq!((code, counts(&report)), (1, [5, 3, 0, 0, 2]));
        let (lines, reasons): (Vec<u64>, Vec<String>) = bad(&report).into_iter().unzip();
        assert_eq!(lines, [3, 6]);
        let of_codes =
            |reason: &String| reason.to_lowercase().contains("save-") || reason.contains("straße");
        assert!(!reasons.iter().any(of_codes), "{reasons:?}");
        // In a later file as well, and in either direction.
        let (code, report) = world.import(IMPORT, "code\nsave-six\nSAVE-TEN\n").await;
        assert_eq!((code, counts(&report)), (1, [2, 0, 0, 1, 1]));
        assert_eq!(bad(&report)[0].0, 2);
        assert_eq!(world.value("select codes from goods where group_name = 'G'").await, "3");
        // In another pool they are two.
        let other = "coupons import --client acme --group H";
        let (code, report) = world.import(other, file).await;
        assert_eq!((code, counts(&report)), (0, [5, 5, 0, 0, 0]));
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_has_codes_cannot_begin_to_fold() {
    in_world(|world| async move {
        pool(&world).await;
        world.import(IMPORT, "code\nA\n").await;
        world.file("c.csv", "code\nB\n");
        let done = world.admin(&format!("{FOLD} @c.csv")).await;
        assert_eq!(done.code, 2, "{done:?}");
        assert!(
            done.err.contains("has codes already") && done.err.contains("goods import"),
            "{done:?}"
        );
        assert_eq!(world.value(CODES).await, "A -");
        assert_eq!(
            world.value("select fold_case from goods where group_name = 'G'").await,
            "false"
        );
    })
    .await;
}

#[tokio::test]
async fn an_import_that_began_before_its_pool_folded_adds_no_code_unfolded() {
    in_world(|world| async move {
        pool(&world).await;
        // It has found the pool, and waits for its lock.
        let mut holder = world.pool.begin().await.expect("a transaction");
        sqlx::query("update goods set fold_case = true where group_name = 'G'")
            .execute(&mut *holder)
            .await
            .expect("the pool");
        world.file("c.csv", "code\nA\n");
        let importing = {
            let world = world.clone();
            tokio::spawn(async move { world.admin(&format!("{IMPORT} @c.csv")).await })
        };
        world.until_waiting().await;
        holder.commit().await.expect("commits");
        let done = importing.await.expect("no panic");
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains("fold case meanwhile") && done.err.contains("again"), "{done:?}");
        assert_eq!(world.value("select count(*) from coupon").await, "0");
    })
    .await;
}
