//! Codes that found their holder, and coupons used up.

use crate::domain::state::Changes;
use crate::store::error::{Result, all_changed};
use sqlx::PgExecutor;
use time::OffsetDateTime;

pub(super) async fn grant_codes(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let goods: Vec<i64> = changes.codes.iter().map(|c| c.goods).collect();
    let codes: Vec<String> = changes.codes.iter().map(|c| c.code.to_string()).collect();
    let keys: Vec<_> = changes.codes.iter().map(|c| c.key).collect();
    let clients: Vec<String> = changes.codes.iter().map(|c| c.holder.0.to_string()).collect();
    let players: Vec<String> = changes.codes.iter().map(|c| c.holder.1.to_string()).collect();
    let until: Vec<Option<OffsetDateTime>> = changes.codes.iter().map(|c| c.valid_until).collect();
    let changed = sqlx::query!(
        r#"update coupon c set job_key = d.job_key, holder_client = d.client_id,
                               holder_player = d.player_id, valid_until = d.valid_until
           from unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
                as d (goods, code, job_key, client_id, player_id, valid_until)
           where c.goods = d.goods and c.code = d.code and c.job_key is null"#,
        &goods,
        &codes,
        &keys,
        &clients,
        &players,
        &until as &[Option<OffsetDateTime>],
    )
    .execute(db)
    .await?;
    all_changed("coupon", codes.len(), changed.rows_affected())
}

pub(super) async fn use_coupons(db: impl PgExecutor<'_>, changes: &Changes) -> Result<()> {
    let goods: Vec<i64> = changes.used.iter().map(|u| u.goods).collect();
    let codes: Vec<String> = changes.used.iter().map(|u| u.code.to_string()).collect();
    let keys: Vec<_> = changes.used.iter().map(|u| u.key).collect();
    let branches: Vec<i64> = changes.used.iter().map(|u| u.branch).collect();
    let at: Vec<OffsetDateTime> = changes.used.iter().map(|u| u.at).collect();
    let changed = sqlx::query!(
        r#"update coupon c set used_key = d.used_key, used_branch = d.branch, used_at = d.used_at
           from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[])
                as d (goods, code, used_key, branch, used_at)
           where c.goods = d.goods and c.code = d.code and c.used_key is null"#,
        &goods,
        &codes,
        &keys,
        &branches,
        &at,
    )
    .execute(db)
    .await?;
    all_changed("coupon", codes.len(), changed.rows_affected())
}
