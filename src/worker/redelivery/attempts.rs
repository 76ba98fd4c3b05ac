//! Attempts on record. The broker counts a delivery of everything that a process holds when it ends, tried
//! or not. So an attempt at a job that was delivered often is recorded before it begins, and taken off the
//! record when it has ended, whatever came of it. What stays on record are attempts that the process did
//! not survive, and only they bring a job over the limit.
//!
//! Where the database can't record an attempt, it can't decide the job either, so the attempt begins
//! without a record. The broker's own limit holds in any case.

use crate::store;
use crate::store::attempts::Attempts;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::outcome::Processed;
use crate::worker::batch::process;
use crate::worker::context::Context;
use crate::worker::redelivery::policy::is_over_limit;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Processes a batch on record; jobs over the limit are not tried.
pub(crate) async fn process(
    context: &Arc<Context>,
    deliveries: Vec<Delivery>,
    is_proven: bool,
    stop: &CancellationToken,
) -> Vec<(Delivery, Processed)> {
    let on_record = begin(context, &deliveries).await;
    let (over_limit, deliveries): (Vec<_>, Vec<_>) =
        deliveries.into_iter().partition(|delivery| is_tried_too_often(delivery, &on_record));
    let outcomes = process::process(context, &deliveries, is_proven, stop).await;
    let mut outcomes: Vec<_> = deliveries.into_iter().zip(outcomes).collect();
    end(context, &outcomes).await;
    outcomes.extend(over_limit.into_iter().map(|delivery| (delivery, Processed::OverLimit)));
    outcomes
}

async fn begin(context: &Context, deliveries: &[Delivery]) -> Vec<Attempts> {
    let often = deliveries.iter().filter(|delivery| delivery.policy().is_tried_on_record);
    let jobs: Vec<_> = often.filter_map(Delivery::job).map(|job| (&job.client, job.key)).collect();
    if jobs.is_empty() {
        return Vec::new();
    }
    let recorded = context
        .settings
        .statement_limit
        .in_time(store::attempts::begin(&context.store, &jobs))
        .await;
    recorded.unwrap_or_else(|error| {
        tracing::debug!(%error, "could not record attempts; they begin without a record");
        Vec::new()
    })
}

/// Whether attempts at its job were not survived as often as that may be.
fn is_tried_too_often(delivery: &Delivery, on_record: &[Attempts]) -> bool {
    let Some(job) = delivery.job() else { return false };
    on_record.iter().any(|of| {
        is_over_limit(of.attempts) && of.job_key == job.key && of.client_id == job.client.as_str()
    })
}

async fn end(context: &Context, outcomes: &[(Delivery, Processed)]) {
    let often = outcomes.iter().filter(|(delivery, _)| delivery.policy().is_tried_on_record);
    let jobs: Vec<_> = often
        .filter_map(|(delivery, outcome)| {
            let job = delivery.job()?;
            Some((&job.client, job.key, matches!(outcome, Processed::Decided(_))))
        })
        .collect();
    if jobs.is_empty() {
        return;
    }
    if let Err(error) =
        context.settings.statement_limit.in_time(store::attempts::end(&context.store, &jobs)).await
    {
        tracing::debug!(%error, "could not take ended attempts off the record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::batch::fixtures::delivered;

    #[test]
    fn only_its_own_attempts_and_too_many_of_them_bring_a_job_over_the_limit() {
        let delivery = delivered(1, 30);
        let key = delivery.job().expect("a job").key;
        let of = |client_id: &str, job_key, attempts| {
            let attempts = Attempts { client_id: client_id.to_owned(), job_key, attempts };
            is_tried_too_often(&delivery, &[attempts])
        };
        assert!(of("acme", key, 17));
        assert!(!of("acme", key, 16));
        assert!(!of("other", key, 17));
        assert!(!of("acme", uuid::Uuid::nil(), 17));
        assert!(!is_tried_too_often(&delivery, &[]), "nothing is on record");
    }
}
