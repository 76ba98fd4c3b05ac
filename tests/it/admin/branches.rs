use super::world::{World, in_world, secrets};
use redeemq::domain::operation::Operation;
use serde_json::{Value, json};

const CREATE: &str = "branch create --client acme --merchant M --branch B --group G";

async fn pools(world: &World) {
    world.client("acme").await;
    world.import("goods import --client acme", "goods_id,group\ng,G\nh,H\nplain,\n").await;
    world.import("goods import --sponsor cola", "goods_id,group\ns,S\n").await;
    world.import("goods import --sponsor pepsi", "goods_id,group\nt,T\n").await;
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("text")
}

#[tokio::test]
async fn a_branch_gets_a_pin_that_is_stored_only_as_a_hash() {
    in_world(|world| async move {
        pools(&world).await;
        let made = world.ok(&format!("{CREATE} H")).await;
        let pin = text(&made, "pin_code");
        assert!(pin.len() == 7 && pin.bytes().all(|b| b.is_ascii_alphanumeric()), "{pin}");
        assert!(!world.value("select row_to_json(b) from branch b").await.contains(pin));
        let (key_id, hash) = secrets().new_pin_hash(pin);
        assert_eq!(world.value("select key_id || pin_hash from branch").await, key_id + &hash);
        let listed = json!([{"branch_id": made["branch_id"], "client_id": "acme", "sponsor": null,
            "merchant": "M", "branch": "B", "groups": ["G", "H"], "enabled": true}]);
        assert_eq!(world.ok("branch list").await, listed);
        for words in ["branch list", "branch list --json", "audit"] {
            let done = world.admin(words).await;
            assert!(
                !done.out.contains(pin) && !done.err.contains(pin) && !done.out.contains(&hash),
                "{done:?}"
            );
        }
        let again = world.admin(CREATE).await;
        assert_eq!(again.code, 2);
        assert!(again.err.contains("`M` has a branch `B` already"), "{}", again.err);
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn the_pin_verifies_until_it_is_replaced_or_the_branch_disabled() {
    in_world(|world| async move {
        pools(&world).await;
        world.import("coupons import --client acme --group G", "code\nA\nB\nC\nD\n").await;
        world
            .import(
                "players import --client acme --import-id 1",
                "player_id,asset,amount\np,point,0\n",
            )
            .await;
        let params = json!({"group": "G", "player_id": "p", "amount": 4});
        assert_eq!(world.job("acme", Operation::GoodsGroup, params).await, "0000");
        let verify = async |code: &str, pin: &str| {
            let hashes = secrets().pin_hashes(pin);
            let params = json!({"goods_group": "G", "coupon_code": code, "pin_hashes": hashes});
            world.job("acme", Operation::Verify, params).await
        };
        let made = world.ok(CREATE).await;
        let (id, old) = (text(&made, "branch_id"), text(&made, "pin_code"));
        assert_eq!(verify("A", old).await, "0000");
        let renewed = world.ok(&format!("branch new-pin {id}")).await;
        let new = text(&renewed, "pin_code");
        assert_eq!((text(&renewed, "branch_id"), new != old), (id, true));
        assert_eq!(
            (verify("B", old).await, verify("B", new).await),
            ("0608".into(), "0000".into())
        );
        assert_eq!(
            world.ok(&format!("branch disable {id}")).await,
            json!({"branch_id": id, "enabled": false})
        );
        assert_eq!(verify("C", new).await, "0608");
        world.ok(&format!("branch enable {id}")).await;
        assert_eq!(verify("C", new).await, "0000");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn only_pools_of_the_same_owner_can_be_verified() {
    in_world(|world| async move {
        pools(&world).await;
        for (words, unknown) in [
            ("branch create --client acme --merchant M --branch B --group G X", "`X`"),
            ("branch create --client acme --merchant M --branch B --group S", "`S`"),
            ("branch create --client acme --merchant M --branch B --group plain", "`plain`"),
            ("branch create --sponsor cola --merchant M --branch B --group S --group T", "`T`"),
            ("branch create --sponsor cola --merchant M --branch B --group G", "`G`"),
            ("branch create --client nobody --merchant M --branch B --group G", "`nobody`"),
            ("branch create --client acme --merchant M --branch B", "--group"),
            ("branch create --merchant M --branch B --group G", "--client"),
        ] {
            let done = world.admin(words).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{words}");
            assert!(done.err.contains(unknown), "{words}: {}", done.err);
        }
        assert_eq!(world.value("select count(*) from branch").await, "0");
        // One name at two owners is two branches.
        world.ok(&format!("{CREATE} --group H")).await;
        world.ok("branch create --sponsor cola --merchant M --branch B --group S").await;
        world.ok("branch create --sponsor pepsi --merchant M --branch B --group T").await;
        let owners = async |filter: &str| {
            let listed = world.ok(&format!("branch list {filter}")).await;
            let rows = listed.as_array().expect("a list").clone();
            rows.iter().map(|row| row["groups"].to_string()).collect::<Vec<_>>()
        };
        assert_eq!(owners("").await.len(), 3);
        assert_eq!(owners("--client acme").await, [r#"["G","H"]"#]);
        assert_eq!(owners("--sponsor cola").await, [r#"["S"]"#]);
        assert_eq!(world.admin("branch list --sponsor cola --client acme").await.code, 2);
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_pin_that_is_taken_is_drawn_again() {
    in_world(|world| async move {
        pools(&world).await;
        // Sequences are not rolled back: every draw but the third finds its PIN taken.
        world
            .sql(
                "create sequence draws;
                 create function taken() returns trigger language plpgsql as $$ begin
                     if nextval('draws') % 3 <> 0 then
                         raise unique_violation using constraint = 'branch_pin_is_unique';
                     end if;
                     return new; end $$;
                 create trigger taken before insert or update on branch
                     for each row execute function taken()",
            )
            .await;
        let made = world.ok(CREATE).await;
        assert_eq!(world.value("select last_value from draws").await, "3");
        let renewed = world.ok(&format!("branch new-pin {}", text(&made, "branch_id"))).await;
        assert_eq!(world.value("select last_value from draws").await, "6");
        let (key_id, hash) = secrets().new_pin_hash(text(&renewed, "pin_code"));
        assert_eq!(world.value("select key_id || pin_hash from branch").await, key_id + &hash);
        assert_eq!(world.value("select count(*) from branch_group").await, "1");
    })
    .await;
}

#[tokio::test]
async fn without_a_secret_there_is_no_pin_and_the_error_names_it() {
    in_world(|world| async move {
        pools(&world).await;
        for words in [CREATE, "branch new-pin 1"] {
            let done = world.admin_with(words, None).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{words}");
            assert!(done.err.contains("REDEEMQ_SECRET"), "{}", done.err);
        }
        assert_eq!(world.admin_with("branch list", None).await.code, 0);
        for words in ["branch disable 7", "branch enable 7", "branch new-pin 7"] {
            let done = world.admin(words).await;
            assert_eq!(done.code, 2);
            assert!(done.err.contains("no branch 7"), "{}", done.err);
        }
        assert_eq!(world.admin("branch disable seven").await.code, 2);
    })
    .await;
}
