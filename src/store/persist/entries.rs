//! The ledger rows, as columns: inbox, account and stored result in one.

use crate::domain::job::Job;
use crate::domain::outcome::{Grant, Outcome};
use crate::domain::request::Request;
use time::OffsetDateTime;
use uuid::Uuid;

/// One decision to be stored, with its answer.
#[derive(derive_more::Debug)]
pub struct Entry<'a> {
    pub job: &'a Job,
    pub outcome: &'a Outcome,
    #[debug("***")]
    pub body: &'a str,
}

/// Sorted by key: two batches that hold the same jobs in different orders would wait for each other.
pub(super) struct LedgerRows {
    pub(super) clients: Vec<String>,
    pub(super) keys: Vec<Uuid>,
    pub(super) contents: Vec<Vec<u8>>,
    pub(super) operations: Vec<String>,
    pub(super) accepted: Vec<OffsetDateTime>,
    pub(super) codes: Vec<String>,
    pub(super) goods: Vec<Option<i64>>,
    pub(super) players: Vec<Option<String>>,
    pub(super) granted: Vec<i64>,
    pub(super) spent: Vec<Option<String>>,
    pub(super) bodies: Vec<String>,
}

impl LedgerRows {
    pub(super) fn of(entries: &[Entry<'_>]) -> Self {
        let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
        entries.sort_by_key(|entry| (entry.job.client.as_str(), entry.job.key));
        let column = |of: fn(&Entry<'_>) -> String| entries.iter().map(|e| of(e)).collect();
        let grants: Vec<Option<&Grant>> = entries.iter().map(|entry| entry.grant()).collect();
        Self {
            clients: column(|e| e.job.client.to_string()),
            keys: entries.iter().map(|e| e.job.key).collect(),
            contents: entries.iter().map(|e| e.job.content.0.to_vec()).collect(),
            operations: column(|e| e.job.operation.as_str().to_owned()),
            accepted: entries.iter().map(|e| e.job.accepted_at).collect(),
            codes: column(|e| e.outcome.code().as_str().to_owned()),
            goods: grants.iter().map(|g| g.map(|g| g.goods.row)).collect(),
            players: entries.iter().map(|e| e.player()).collect(),
            granted: grants.iter().map(|g| g.map_or(0, |g| g.amount)).collect(),
            spent: grants.iter().map(|g| g.and_then(spent)).collect(),
            bodies: column(|e| e.body.to_owned()),
        }
    }
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
