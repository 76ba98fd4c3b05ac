//! The ledger rows: inbox, books and stored answer in one insert.

use super::Entry;
use crate::domain::outcome::{Grant, Outcome};
use crate::domain::request::Request;
use crate::store::error::{Result, StoreError};
use sqlx::PgExecutor;
use time::OffsetDateTime;

/// Sorted by key: two batches that hold twins in different orders would wait for each other.
pub(super) async fn insert_ledger(
    db: impl PgExecutor<'_>,
    entries: &[Entry<'_>],
    decided_at: OffsetDateTime,
) -> Result<()> {
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by_key(|entry| (entry.job.client.as_str(), entry.job.key));
    let column = |of: fn(&Entry<'_>) -> String| entries.iter().map(|e| of(e)).collect::<Vec<_>>();
    let grants: Vec<Option<&Grant>> = entries.iter().map(|entry| entry.grant()).collect();
    let clients = column(|e| e.job.client.to_string());
    let keys: Vec<_> = entries.iter().map(|e| e.job.key).collect();
    let contents: Vec<Vec<u8>> = entries.iter().map(|e| e.job.content.0.to_vec()).collect();
    let operations = column(|e| e.job.operation.as_str().to_owned());
    let accepted: Vec<_> = entries.iter().map(|e| e.job.accepted_at).collect();
    let codes = column(|e| e.outcome.code().as_str().to_owned());
    let goods: Vec<Option<i64>> = grants.iter().map(|g| g.map(|g| g.goods.row)).collect();
    let players: Vec<Option<String>> = entries.iter().map(|e| e.player()).collect();
    let granted: Vec<i64> = grants.iter().map(|g| g.map_or(0, |g| g.amount)).collect();
    let spent: Vec<Option<String>> = grants.iter().map(|g| g.and_then(spent)).collect();
    let bodies = column(|e| e.body.to_owned());
    let inserted = sqlx::query!(
        r#"insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code,
                               goods, player_id, granted, spent, body)
           select client_id, job_key, content, operation, accepted_at, $12, code,
                  goods, player_id, granted, spent, body
           from unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[], $5::timestamptz[], $6::text[],
                       $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[])
                as decided (client_id, job_key, content, operation, accepted_at, code,
                            goods, player_id, granted, spent, body)
           on conflict do nothing"#,
        &clients,
        &keys,
        &contents,
        &operations,
        &accepted,
        &codes,
        &goods as &[Option<i64>],
        &players as &[Option<String>],
        &granted,
        &spent as &[Option<String>],
        &bodies,
        decided_at,
    )
    .execute(db)
    .await?
    .rows_affected();
    if inserted == entries.len() as u64 { Ok(()) } else { Err(StoreError::Twin) }
}

impl Entry<'_> {
    fn grant(&self) -> Option<&Grant> {
        match self.outcome {
            Outcome::Granted(grant) => Some(grant),
            _ => None,
        }
    }

    fn player(&self) -> Option<String> {
        match &self.job.request {
            Ok(Request::Redeem(redeem)) => Some(redeem.player.to_string()),
            _ => None,
        }
    }
}

/// In the notation of a price: what the whole amount cost.
fn spent(grant: &Grant) -> Option<String> {
    let total = |(asset, each): &(_, i64)| format!("{asset}={}", each * grant.amount);
    let parts: Vec<String> = grant.goods.price.parts().iter().map(total).collect();
    (!parts.is_empty()).then(|| parts.join(";"))
}
