//! What is known of a message that is no job: what is wrong with it, and whose job it would have been.
//! Read only after the strict reading failed, and as leniently as can be: whoever can be told is told.

use crate::domain::id::ClientId;
use crate::domain::job::{Job, JobId};
use crate::domain::operation::Operation;
use crate::wire::members::members;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;
use serde_json::error::Category;

/// A message that is no job: it belongs into the dead queue, with this reason.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Undecodable {
    /// What is wrong with it, for the operator. It names the field and quotes nothing that may be a secret.
    pub reason: String,
    /// Whose job it would have been, as far as that can be read: they get a notice.
    pub known: Option<Known>,
}

/// The part of a broken message that names its job.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The id in its canonical form.
    pub job_id: String,
    /// K.
    pub key: uuid::Uuid,
    /// Whose job.
    pub client: ClientId,
    /// As it came; it may be none of ours.
    pub operation: Option<Operation>,
}

impl Known {
    /// Of a job that could be read.
    pub fn of(job: &Job) -> Self {
        Self {
            job_id: job.job_id.clone(),
            key: job.key,
            client: job.client.clone(),
            operation: Some(job.operation),
        }
    }

    /// The first readable value of each field, whatever the rest of the message is.
    pub fn find(body: &[u8]) -> Option<Self> {
        let (mut id, mut client, mut operation) = (None, None, None);
        for (field, value) in fields(body) {
            let Some(text) = read::<String>(value) else { continue };
            match field {
                Field::JobId => id = id.or_else(|| JobId::parse(&text)),
                Field::ClientId => client = client.or_else(|| ClientId::parse(&text).ok()),
                Field::Operation => operation = operation.or_else(|| Operation::parse(&text)),
                Field::V | Field::AcceptedAt | Field::Params => {}
            }
        }
        let id = id?;
        Some(Self { job_id: id.to_string(), key: id.key(), client: client?, operation })
    }
}

/// The fields of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    V,
    JobId,
    ClientId,
    Operation,
    AcceptedAt,
    Params,
}

impl Field {
    const ALL: [(Field, &str); 6] = [
        (Field::V, "v"),
        (Field::JobId, "job_id"),
        (Field::ClientId, "client_id"),
        (Field::Operation, "operation"),
        (Field::AcceptedAt, "accepted_at"),
        (Field::Params, "params"),
    ];

    /// Why the strict reading takes no such value.
    fn fault(self, value: &[u8]) -> Option<&'static str> {
        let (is_right, fault) = match self {
            Field::V => (read::<Option<Number>>(value).is_some(), "is no number"),
            Field::Params => (true, ""),
            _ => (read::<Option<String>>(value).is_some(), "is no text"),
        };
        (!is_right).then_some(fault)
    }
}

/// Why the strict reading failed with this error. What came is not quoted, for it may be a code.
pub(super) fn explain(body: &[u8], error: &serde_json::Error) -> String {
    let fields = fields(body);
    let (line, column) = (error.line(), error.column());
    if error.classify() != Category::Data {
        let is_broken = |value: &[u8]| read::<IgnoredAny>(value).is_none();
        let broken = Field::ALL
            .iter()
            .find(|(field, _)| fields.iter().any(|(of, value)| of == field && is_broken(value)));
        let place = broken.map(|(_, name)| format!(", in field {name}")).unwrap_or_default();
        return format!("not a request in JSON: {error}{place}");
    }
    let fault = Field::ALL.iter().find_map(|(field, name)| {
        let mut values = fields.iter().filter(|(of, _)| of == field).map(|(_, value)| *value);
        let first = values.next()?;
        let fault =
            if values.next().is_some() { "stands there twice" } else { field.fault(first)? };
        Some(format!("field {name} {fault}"))
    });
    fault.unwrap_or_else(|| {
        format!("not a request in JSON: a value of another type at line {line} column {column}")
    })
}

fn fields(body: &[u8]) -> Vec<(Field, &[u8])> {
    let field = |name: &str| Field::ALL.iter().find(|(_, of)| *of == name).map(|(field, _)| *field);
    members(body).filter_map(|(name, value)| Some((field(&name)?, value))).collect()
}

fn read<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}
