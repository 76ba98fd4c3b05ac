//! A database that grew with the migrations, data in it, is the same as a fresh one.

use harness::Site;
use redeemq::store::MIGRATIONS;
use sqlx::Executor as _;

/// Everything that a schema consists of, a line each.
async fn description(site: &Site) -> Vec<String> {
    sqlx::query_scalar(
        "select format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable,
                       coalesce(column_default, identity_generation))
         from information_schema.columns where table_schema = 'public'
         union all
         select format('constraint %s %s', conname, pg_get_constraintdef(oid))
         from pg_constraint where connamespace = 'public'::regnamespace
         union all
         select indexdef from pg_indexes where schemaname = 'public'
         union all
         select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
         union all
         select format('options %s %s', relname, reloptions)
         from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         order by 1",
    )
    .fetch_all(&site.store)
    .await
    .expect("a description")
}

#[tokio::test]
async fn a_migrated_database_is_the_same_as_a_fresh_one_and_keeps_its_data() {
    let site = Site::open().await;
    let fresh = description(&site).await;
    assert!(fresh.len() > 100, "{} lines", fresh.len());

    let first = MIGRATIONS.iter().next().expect("a migration").version;
    site.store.execute("drop schema public cascade; create schema public").await.expect("empty");
    MIGRATIONS.run_to(first, &site.store).await.expect("as it was at first");
    site.store
        .execute(
            "insert into client (client_id, name, api_key, api_secret_hash) values ('acme', 'Acme', 'k', 'h');
             insert into goods (scope, goods_id, name, quantity) values ('acme', 'mug', 'Mug', 5);
             insert into balance values ('acme', 'p', 'point', 7)",
        )
        .await
        .expect("data");

    for _ in 0..2 {
        site.json(&["migrate"]);
        assert_eq!(description(&site).await, fresh);
    }
    assert_eq!(site.number("select amount from balance").await, 7);
    site.close().await;
}
