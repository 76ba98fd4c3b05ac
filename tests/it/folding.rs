//! A pool that folds case, end to end: every spelling of a code is the one coupon.

use harness::{Caller, Site};
use serde_json::{Value, json};

async fn verify(caller: &Caller, group: &str, code: &str, pin: &str) -> (String, Value) {
    let params = json!({"goods_group": group, "coupon_code": code, "pin_code": pin});
    let answer = caller.decide("/Redeem/goodsGroup/verify", &params).await;
    (answer.code().to_owned(), answer.body["response"].clone())
}

async fn take(caller: &Caller, group: &str, amount: i64) -> String {
    let params = json!({"group": group, "player_id": "p1", "amount": amount});
    let answer = caller.decide("/Redeem/goodsGroup", &params).await;
    assert_eq!(answer.said(), (200, "0000"), "{}", answer.text);
    answer.text
}

#[tokio::test]
async fn a_code_is_verified_once_in_whatever_case_it_is_typed() {
    let site = Site::with_clients().await;
    site.goods("acme", "goods_id,name,group\nfilm,Film,tickets\ngame,Game,games\n");
    let fold = ["coupons", "import", "--client", "acme", "--group", "tickets", "--fold-case"];
    site.import(&fold, "code\nSAVE-ten\nGröße-1\nLOCKED-a\n");
    site.coupons("acme", "games", "code\nSAVE-ten\n");
    let (pin, of_games) =
        (site.branch("acme", "Riverside", "tickets"), site.branch("acme", "Arcade", "games"));
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let handed_out = take(&caller, "tickets", 3).await;
    for shown in ["SAVE-ten", "Größe-1", "LOCKED-a"] {
        assert!(handed_out.contains(shown), "{handed_out}");
    }
    take(&caller, "games", 1).await;

    let (code, first) = verify(&caller, "tickets", " save-TEN", &pin).await;
    assert_eq!((code.as_str(), &first), ("0000", &json!({"success": true})));
    for again in ["SAVE-ten", "save-ten", "SAVE-TEN"] {
        let (code, response) = verify(&caller, "tickets", again, &pin).await;
        assert_eq!((code.as_str(), &response["success"]), ("0000", &json!(false)), "{again}");
    }
    assert_eq!(verify(&caller, "tickets", "GRÖSSE-1", &pin).await.1, json!({"success": true}));

    // Wrong PINs are counted at the coupon, and not at its spelling.
    for spelling in ["LOCKED-A", "locked-a", "LOCKED-a", "Locked-A", "lOCKED-a"] {
        assert_eq!(verify(&caller, "tickets", spelling, "wrong").await.0, "0608", "{spelling}");
    }
    assert_eq!(verify(&caller, "tickets", "LoCkEd-a", &pin).await.0, "0901");

    // In a pool that doesn't fold, another case is another code.
    assert_eq!(verify(&caller, "games", "save-ten", &of_games).await.0, "0602");
    assert_eq!(verify(&caller, "games", "SAVE-ten", &of_games).await.1, json!({"success": true}));
    assert_eq!(site.number("select count(*) from coupon where used_at is not null").await, 3);
    site.audit();
    site.close().await;
}
