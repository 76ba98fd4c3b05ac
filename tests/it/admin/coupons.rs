use super::world::{World, bad, counts, in_world};
use redeemq::domain::operation::Operation;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

const IMPORT: &str = "coupons import --client acme --group G";

async fn pool(world: &World) {
    world.client("acme").await;
    let (code, _) =
        world.import("goods import --client acme", "goods_id,group\npool,G\nother,H\n").await;
    assert_eq!(code, 0);
}

async fn codes(world: &World) -> String {
    world.value("select codes from goods where group_name = 'G'").await
}

async fn player(world: &World) {
    let file = "player_id,asset,amount\np,point,0\n";
    world.import("players import --client acme --import-id 1", file).await;
}

async fn take(world: &World, amount: i64) -> String {
    let params = json!({"group": "G", "player_id": "p", "amount": amount});
    world.job("acme", Operation::GoodsGroup, params).await
}

fn numbered(codes: impl Iterator<Item = usize>) -> String {
    let mut file = "code\n".to_owned();
    for n in codes {
        file += &format!("CODE-{n:07}\n");
    }
    file
}

#[tokio::test]
async fn codes_enter_the_pool_in_the_order_of_the_file() {
    in_world(|world| async move {
        pool(&world).await;
        let file = "expires_at,code\n\
                    ,B\n\
                    2030-01-01T00:00:00.1234567Z,A\n\
                    ,\"C,\"\"1\"\"\"\n\
                    ,\\N\n\
                    ,ä\\t\\\\.\n\
                    , spaced \n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [6, 6, 0, 0, 0]));
        assert_eq!(codes(&world).await, "6");
        assert_eq!(
            world.value("select string_agg(code, '|' order by id) from coupon").await,
            "B|A|C,\"1\"|\\N|ä\\t\\\\.|spaced"
        );
        assert_eq!(
            world.value("select expires_at at time zone 'UTC' from coupon where code = 'A'").await,
            "2030-01-01 00:00:00.123456"
        );
        assert_eq!(world.value("select expires_at from coupon where code = 'B'").await, "infinity");
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [6, 0, 0, 6, 0]));
        assert_eq!(codes(&world).await, "6");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_with_another_expiry_is_a_bad_row() {
    in_world(|world| async move {
        pool(&world).await;
        let (code, report) =
            world.import(IMPORT, "code,expires_at\nA,\nB,2030-01-01T00:00:00Z\n").await;
        assert_eq!((code, counts(&report)), (0, [2, 2, 0, 0, 0]));
        let file = "code,expires_at\nB,2031-01-01T00:00:00Z\nA,2030-01-01T00:00:00Z\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (1, [2, 0, 0, 0, 2]));
        assert_eq!(
            bad(&report),
            [
                (2, "the code is in the pool already, with expiry 2030-01-01T00:00:00Z".to_owned()),
                (3, "the code is in the pool already, with no expiry".to_owned()),
            ]
        );
        // The same instant, written otherwise; and without the column at all.
        let file = "code,expires_at\nB,2030-01-01T01:00:00+01:00\n";
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (0, [1, 0, 0, 1, 0]));
        let (code, report) = world.import(IMPORT, "code\nA\nB\n").await;
        assert_eq!((code, counts(&report)), (1, [2, 0, 0, 1, 1]));
        // Another pool may have the same code.
        let (code, _) = world.import("coupons import --client acme --group H", "code\nA\n").await;
        assert_eq!(code, 0);
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn bad_codes_are_told_by_line() {
    in_world(|world| async move {
        pool(&world).await;
        let long = "x".repeat(129);
        let file = format!(
            "code,expires_at\r\nA,\r\n{long},\r\n\r\nB,soon\r\n\"C\r\nx\",\r\nD\r\n,\r\nE,\r\n"
        );
        let (code, report) = world.import(IMPORT, file).await;
        assert_eq!((code, counts(&report)), (1, [7, 2, 0, 0, 5]));
        let lines: Vec<u64> = bad(&report).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 5, 6, 8, 9]);
        assert_eq!(
            world.value("select string_agg(code, ' ' order by id) from coupon").await,
            "A E"
        );
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_2() {
    in_world(|world| async move {
        pool(&world).await;
        world.import("goods import --sponsor cola", "goods_id,group\ns,S\n").await;
        world.file("c.csv", "code\nA\n");
        for (words, reason) in [
            ("coupons import --client acme --group X @c.csv", "redeemq goods import"),
            ("coupons import --client acme --group S @c.csv", "redeemq goods import"),
            ("coupons import --client acme --group pool @c.csv", "redeemq goods import"),
            ("coupons import --client nobody --group G @c.csv", "no client `nobody`"),
            ("coupons import --sponsor cola --group G @c.csv", "redeemq goods import"),
            ("coupons import --sponsor pepsi --group S @c.csv", "belongs to sponsor `cola`"),
            ("coupons import --client acme @c.csv", "--group"),
        ] {
            let done = world.admin(words).await;
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{words}");
            assert!(done.err.contains(reason), "{words}: {}", done.err);
        }
        assert_eq!(world.import("coupons import --sponsor cola --group S", "code\nA\n").await.0, 0);
        assert_eq!(world.value("select count(*) from coupon").await, "1");
    })
    .await;
}

#[tokio::test]
async fn an_import_cut_off_goes_on_where_it_stopped() {
    in_world(|world| async move {
        pool(&world).await;
        // The third chunk meets a wall.
        world
            .sql(
                "create function wall() returns trigger language plpgsql as $$ begin
                     if new.codes > 10000 then
                         perform pg_terminate_backend(pg_backend_pid());
                     end if;
                     return new; end $$;
                 create trigger wall before update on goods for each row execute function wall()",
            )
            .await;
        let file = numbered(0..12_000);
        world.file("c.csv", &file);
        let done = world.admin(&format!("{IMPORT} @c.csv --json")).await;
        assert_eq!((done.code, done.out.as_str()), (2, ""));
        assert!(done.err.contains("stopped after 10000 of 12000 rows"), "{}", done.err);
        assert_eq!(codes(&world).await, "10000");
        world.assert_balanced().await;

        world.sql("drop trigger wall on goods").await;
        let (code, report) = world.import(IMPORT, &file).await;
        assert_eq!((code, counts(&report)), (0, [12_000, 2_000, 0, 10_000, 0]));
        assert_eq!(codes(&world).await, "12000");
        world.assert_balanced().await;
    })
    .await;
}

/// The high-water mark of this process's memory, in KiB.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a mark");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// In a process of its own, where no other test uses memory.
#[test]
fn two_hundred_thousand_codes_pass_through_without_being_held() {
    let test = std::env::current_exe().expect("a path");
    let name = "admin::coupons::two_hundred_thousand_codes_alone";
    let ran = Command::new(test)
        .args(["--exact", name, "--ignored", "--nocapture"])
        .output()
        .expect("a process");
    let told = String::from_utf8_lossy(&ran.stderr);
    eprint!("{told}");
    assert!(ran.status.success() && told.contains("200,000 codes"), "{told}");
}

#[tokio::test]
#[ignore = "run by the test above"]
async fn two_hundred_thousand_codes_alone() {
    in_world(|world| async move {
        pool(&world).await;
        // Codes as long as they may be: the file is larger than what the import may take.
        let filler = "x".repeat(121);
        let file = std::fs::File::create(world.dir.join("c.csv")).expect("a file");
        let mut file = std::io::BufWriter::new(file);
        writeln!(file, "code").expect("room");
        (0..200_000).for_each(|n| writeln!(file, "{n:07}{filler}").expect("room"));
        drop(file);
        let before = memory_kib();
        for (added, unchanged) in [(200_000, 0), (0, 200_000)] {
            let begun = Instant::now();
            let report = world.ok(&format!("{IMPORT} @c.csv")).await;
            let (took, more) = (begun.elapsed(), memory_kib() - before);
            assert_eq!(counts(&report), [200_000, added, 0, unchanged, 0]);
            eprintln!("200,000 codes, {added} new: {took:.1?}, {more} KiB more at most");
            assert!(more < 5_000, "{more} KiB more");
        }
        assert_eq!(codes(&world).await, "200000");
    })
    .await;
}

fn sum(one: &Value, two: &Value) -> Vec<i64> {
    counts(one).into_iter().zip(counts(two)).map(|(a, b)| a + b).collect()
}

#[tokio::test]
async fn two_imports_at_once_add_each_code_once() {
    in_world(|world| async move {
        pool(&world).await;
        let (one, two) = (numbered(0..12_000), numbered((6_000..18_000).rev()));
        let (one, two) = tokio::join!(world.import(IMPORT, one), world.import(IMPORT, two));
        assert_eq!((one.0, two.0), (0, 0));
        assert_eq!(sum(&one.1, &two.1), [24_000, 18_000, 0, 6_000, 0]);
        assert_eq!(codes(&world).await, "18000");
        world.assert_balanced().await;
    })
    .await;
}

#[tokio::test]
async fn an_import_waits_for_the_pools_lock() {
    in_world(|world| async move {
        pool(&world).await;
        let mut worker = world.pool.begin().await.expect("a transaction");
        sqlx::raw_sql("select from goods where group_name = 'G' for update")
            .execute(&mut *worker)
            .await
            .expect("a lock");
        let import = tokio::spawn({
            let world = world.clone();
            async move { world.import(IMPORT, "code\nA\n").await }
        });
        world.until_waiting().await;
        assert!(!import.is_finished(), "the import didn't wait for the goods' lock");
        assert_eq!(world.value("select count(*) from coupon").await, "0");
        worker.rollback().await.expect("ends");
        assert_eq!(import.await.expect("no panic").0, 0);
    })
    .await;
}

#[tokio::test]
async fn workers_grant_while_codes_arrive() {
    in_world(|world| async move {
        pool(&world).await;
        player(&world).await;
        assert_eq!(world.import(IMPORT, numbered(0..1_000)).await.0, 0);
        let import = tokio::spawn({
            let world = world.clone();
            async move { world.import(IMPORT, numbered(0..30_000)).await }
        });
        let mut granted = 0;
        while !import.is_finished() || granted < 20 {
            assert_eq!(take(&world, 3).await, "0000");
            world.assert_balanced().await;
            granted += 1;
        }
        assert_eq!(import.await.expect("no panic").0, 0);
        assert_eq!(codes(&world).await, "30000");
        assert_eq!(
            world.value("select granted from goods where group_name = 'G'").await,
            (granted * 3).to_string()
        );
        world.assert_balanced().await;
    })
    .await;
}
