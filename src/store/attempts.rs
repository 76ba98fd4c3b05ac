//! Attempts at often delivered jobs, on record while they last.

use super::error::Result;
use crate::domain::id::ClientId;
use sqlx::PgExecutor;
use uuid::Uuid;

/// A job, and how many attempts at it are on record.
#[derive(Debug, PartialEq)]
pub struct Attempts {
    pub client_id: String,
    pub job_key: Uuid,
    pub attempts: i64,
}

/// Records that an attempt at each of these jobs begins; counts that one as well. A process that is killed
/// from here on leaves the record; only a database that crashes as well may lose it, so the commit does not
/// wait for the disk.
pub async fn begin(db: impl PgExecutor<'_>, jobs: &[(&ClientId, Uuid)]) -> Result<Vec<Attempts>> {
    let clients: Vec<String> = jobs.iter().map(|(client, _)| client.as_str().to_owned()).collect();
    let keys: Vec<Uuid> = jobs.iter().map(|(_, key)| *key).collect();
    // In order, for other workers may try some of the same.
    Ok(sqlx::query_as!(
        Attempts,
        "with unsynced as (select set_config('synchronous_commit', 'off', true)),
              tried as (select distinct client_id, job_key
                        from unsynced, unnest($1::text[], $2::uuid[]) as job (client_id, job_key))
         insert into attempt (client_id, job_key)
         select client_id, job_key from tried order by client_id, job_key
         on conflict (client_id, job_key)
         do update set attempts = attempt.attempts + 1, began_at = excluded.began_at
         returning client_id, job_key, attempts",
        &clients,
        &keys,
    )
    .fetch_all(db)
    .await?)
}

/// Records that one attempt at each of these jobs has ended, and forgets those that are decided, and all
/// records of a month ago.
pub async fn end(db: impl PgExecutor<'_>, jobs: &[(&ClientId, Uuid, bool)]) -> Result<()> {
    let clients: Vec<String> = jobs.iter().map(|(client, ..)| client.as_str().to_owned()).collect();
    let keys: Vec<Uuid> = jobs.iter().map(|(_, key, _)| *key).collect();
    let decided: Vec<bool> = jobs.iter().map(|(.., is_decided)| *is_decided).collect();
    sqlx::query!(
        "with unsynced as (select set_config('synchronous_commit', 'off', true)),
              ended as (select client_id, job_key, bool_or(is_decided) as is_decided
                        from unsynced,
                             unnest($1::text[], $2::uuid[], $3::bool[]) as job (client_id, job_key, is_decided)
                        group by client_id, job_key),
              forgotten as (delete from attempt using ended
                            where attempt.client_id = ended.client_id and attempt.job_key = ended.job_key
                              and (ended.is_decided or attempt.attempts <= 1)),
              aged as (delete from attempt where began_at < now() - interval '30 days')
         update attempt set attempts = attempts - 1 from ended
         where attempt.client_id = ended.client_id and attempt.job_key = ended.job_key
           and not ended.is_decided and attempt.attempts > 1",
        &clients,
        &keys,
        &decided,
    )
    .execute(db)
    .await?;
    Ok(())
}
