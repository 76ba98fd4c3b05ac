//! Result messages: what a decision looks like from outside, made once and stored.

use super::{VERSION, rfc3339};
use crate::domain::code::Code;
use crate::domain::goods::{Asset, Goods};
use crate::domain::job::Job;
use crate::domain::outcome::{Grant, Outcome, Short};
use crate::domain::state::Stored;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;

#[derive(Serialize)]
struct Body<'a> {
    v: u64,
    job_id: &'a str,
    client_id: &'a str,
    operation: &'static str,
    accepted_at: String,
    decided_at: String,
    success: bool,
    error_code: &'static str,
    message: &'a str,
    response: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by: Vec<Value>,
}

/// The part of a stored answer that callers over HTTP see, taken over byte for byte.
#[derive(derive_more::Debug, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// Whether it was done.
    pub success: bool,
    /// The four digits.
    pub error_code: String,
    /// For people.
    pub message: String,
    /// What was granted or found.
    #[serde(borrow)]
    #[debug("***")]
    pub response: &'a RawValue,
    /// The bounds that refused.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<&'a RawValue>,
}

/// The times and the job of a stored answer.
#[derive(Debug, Deserialize)]
pub struct Stamp {
    /// When the job was accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub accepted_at: OffsetDateTime,
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub decided_at: OffsetDateTime,
}

/// The result body of a decision.
pub fn decided(job: &Job, outcome: &Outcome, decided_at: OffsetDateTime) -> String {
    let (response, shorts) = match outcome {
        Outcome::Granted(grant) => (granted(job, grant), &[][..]),
        Outcome::Verified => (json!({"success": true}), &[][..]),
        Outcome::VerifiedBefore { branch, at } => (
            json!({
                "success": false,
                "details": {"verified_at": branch, "verified_date": rfc3339(*at)},
            }),
            &[][..],
        ),
        Outcome::Refused(refusal) => (Value::Null, refusal.shorts()),
    };
    body(job, job.accepted_at, decided_at, (outcome.code(), &outcome.message()), response, shorts)
}

/// The result body for an id that came with other content than the first of its key. Its times are
/// the first one's, so that it reads the same however often it is made.
pub fn reused(job: &Job, first_accepted: OffsetDateTime, first_decided: OffsetDateTime) -> String {
    let code = Code::KeyReused;
    body(job, first_accepted, first_decided, (code, code.message()), Value::Null, &[])
}

/// What a stored answer means for a job that came after it: the same bytes, or 3001.
pub fn again(job: &Job, stored: &Stored) -> String {
    if stored.content == job.content {
        stored.body.clone()
    } else {
        reused(job, stored.accepted_at, stored.decided_at)
    }
}

/// The notice that a job lies in the dead queue: no decision, so it has no code.
pub fn dead_notice(job_id: &str, client_id: &str, operation: Option<&str>, reason: &str) -> String {
    json!({
        "v": VERSION, "job_id": job_id, "client_id": client_id, "operation": operation,
        "status": "dead", "reason": reason,
    })
    .to_string()
}

fn body(
    job: &Job,
    accepted_at: OffsetDateTime,
    decided_at: OffsetDateTime,
    (code, message): (Code, &str),
    response: Value,
    shorts: &[Short],
) -> String {
    let body = Body {
        v: VERSION,
        job_id: &job.job_id,
        client_id: job.client.as_str(),
        operation: job.operation.as_str(),
        accepted_at: rfc3339(accepted_at),
        decided_at: rfc3339(decided_at),
        success: code == Code::Success,
        error_code: code.as_str(),
        message,
        response,
        refused_by: shorts
            .iter()
            .map(|s| json!({"cap": s.cap.to_string(), "left": s.left, "needed": s.needed}))
            .collect(),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn granted(job: &Job, grant: &Grant) -> Value {
    let event = |goods_data: Value, value: i64| json!({"event_type": "GOODS_RECEIVED", "goods_data": goods_data, "value": value});
    let facts = goods_data(&grant.goods);
    let events: Vec<Value> = if grant.codes.is_empty() {
        vec![event(facts, grant.amount)]
    } else {
        let coded = grant.codes.iter().map(|granted| {
            let mut facts = facts.clone();
            facts["code"] = granted.code.as_str().into();
            facts["coupon_expires_at"] = granted.expires_at.map(rfc3339).into();
            event(facts, 1)
        });
        coded.collect()
    };
    json!({"events": events, "log_id": job.key.to_string()})
}

fn goods_data(goods: &Goods) -> Value {
    let (mut badge, mut custom, mut point) = (Vec::new(), Vec::new(), 0);
    for (asset, each) in goods.price.parts() {
        match asset {
            Asset::Point => point = *each,
            Asset::Badge(id) => badge.push(json!({"badge_id": id.as_str(), "badge_value": each})),
            Asset::Custom(id) => custom.push(json!({
                "custom_id": id.as_str(), "custom_name": id.as_str(), "custom_value": each,
            })),
        }
    }
    json!({
        "goods_id": goods.goods_id.as_str(),
        "name": goods.name,
        "quantity": goods.quantity,
        "per_user": goods.per_player,
        "redeem": {"point": {"point_value": point}, "badge": badge, "custom": custom},
        "date_start": goods.starts_at.map(rfc3339),
        "date_expire": goods.ends_at.map(rfc3339),
        "sponsor": goods.sponsor,
        "group": goods.group.as_ref().map(|group| group.as_str()),
        "code": null,
    })
}
