use super::world::{World, bad, counts, in_world};

const IMPORT: &str = "players import --client acme --import-id jan";

async fn balances(world: &World) -> String {
    let each = "player_id || ' ' || asset || ' ' || amount";
    let all = format!("select string_agg({each}, ', ' order by player_id, asset) from balance");
    world.value(&format!("{all} where client_id = 'acme'")).await
}

#[tokio::test]
async fn an_import_adds_once() {
    in_world(|world| async move {
        world.client("acme").await;
        let file =
            "amount,player_id,asset\n5,p,point\n2,p,badge:gold\n0,new,point\n7,q,custom:gem\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [4, 4, 0, 0, 0]));
        let all = "new point 0, p badge:gold 2, p point 5, q custom:gem 7";
        assert_eq!(balances(&world).await, all);
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [4, 0, 0, 4, 0]));
        assert_eq!(balances(&world).await, all);

        let (_, report) = world.import("players import --client acme --import-id feb", file).await;
        assert_eq!(counts(&report), [4, 4, 0, 0, 0]);
        assert_eq!(
            balances(&world).await,
            "new point 0, p badge:gold 4, p point 10, q custom:gem 14"
        );
        // The same import with more rows adds what is missing.
        let (_, report) = world.import(IMPORT, format!("{file}1,r,point\n")).await;
        assert_eq!(counts(&report), [5, 1, 0, 4, 0]);
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn another_amount_for_the_same_is_a_bad_row() {
    in_world(|world| async move {
        world.client("acme").await;
        let head = "player_id,asset,amount";
        let (code, report) = world.import(IMPORT, format!("{head}\np,point,5\nq,point,1\n")).await;
        assert_eq!((code, counts(&report)), (0, [2, 2, 0, 0, 0]));
        let (code, report) = world.import(IMPORT, format!("{head}\np,point,6\nq,point,1\n")).await;
        assert_eq!((code, counts(&report)), (1, [2, 0, 0, 1, 1]));
        assert_eq!(bad(&report), [(2, "import `jan` added 5 here already".to_owned())]);
        let (code, report) = world.import(IMPORT, format!("{head}\np,point,0\n")).await;
        assert_eq!((code, counts(&report)), (1, [1, 0, 0, 0, 1]));
        assert_eq!(balances(&world).await, "p point 5, q point 1");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn bad_rows_are_told_by_line() {
    in_world(|world| async move {
        world.client("acme").await;
        let file = "player_id,asset,amount\np,coin,1\np,badge:,1\np,badge:a=b,1\np,point,-1\n\
                    p,point,1e3\np,point,1000000000000001\n,point,1\np,,1\np,point,\n\
                    p,point,1000000000000000\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (1, [10, 1, 0, 0, 9]));
        let lines: Vec<u64> = bad(&report).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(balances(&world).await, "p point 1000000000000000");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_client_is_2() {
    in_world(|world| async move {
        world.file("p.csv", "player_id,asset,amount\np,point,1\n");
        let done = world.admin("players import --client acme --import-id 1 @p.csv").await;
        assert_eq!(done.code, 2);
        assert!(done.err.contains("no client `acme`"), "{}", done.err);
        world.file("q.csv", "player_id,amount\np,1\n");
        let done = world.admin("players import --client acme --import-id 1 @q.csv").await;
        assert!(done.code == 2 && done.err.contains("column `asset` is missing"), "{}", done.err);
        assert_eq!(world.admin("players import --client acme @p.csv").await.code, 2);
        assert_eq!(world.value("select count(*) from balance").await, "0");
    })
    .await;
}

#[tokio::test]
async fn clients_have_players_of_their_own() {
    in_world(|world| async move {
        for client in ["acme", "other"] {
            world.client(client).await;
            let words = format!("players import --client {client} --import-id 1");
            let (_, report) = world.import(&words, "player_id,asset,amount\np,point,5\n").await;
            assert_eq!(counts(&report), [1, 1, 0, 0, 0]);
        }
        assert_eq!(balances(&world).await, "p point 5");
        world.assert_balanced().await;
    })
    .await;
}

fn numbered(players: impl Iterator<Item = usize>) -> String {
    let mut file = "player_id,asset,amount\n".to_owned();
    players.for_each(|n| file += &format!("p{n:05},point,10\n"));
    file
}

#[tokio::test]
async fn imports_at_once_and_workers_neither_lose_nor_deadlock() {
    in_world(|world| async move {
        world.client("acme").await;
        world.import("goods import --client acme", "goods_id,price\na,point=1\n").await;
        world.import("players import --client acme --import-id 0", numbered(0..2_000)).await;
        let (up, down) = (numbered(0..4_000), numbered((0..4_000).rev()));
        for round in 1..6 {
            let spending = async {
                for n in (0..2_000).step_by(100) {
                    assert_eq!(world.redeem("acme", "a", &format!("p{n:05}"), 2).await, "0000");
                }
            };
            let import = |id: &str| format!("players import --client acme --import-id {id}{round}");
            let (same, other) = (import("same"), import("other"));
            let (one, two, three, ()) = tokio::join!(
                world.import(&same, &up),
                world.import(&same, &down),
                world.import(&other, &down),
                spending
            );
            assert_eq!((one.0, two.0, three.0), (0, 0, 0));
            assert_eq!(counts(&one.1)[1] + counts(&two.1)[1], 4_000);
            assert_eq!(counts(&three.1), [4_000, 4_000, 0, 0, 0]);
        }
        let sum = 20_000 + 5 * (2 * 40_000 - 40);
        assert_eq!(world.value("select sum(amount) from balance").await, sum.to_string());
        world.assert_balanced().await;
    })
    .await;
}
