//! The message that an accepted request becomes.

use super::jobs::JobRef;
use crate::broker::publish::message::Outgoing;
use crate::broker::topology::{REQUESTS, lanes};
use crate::broker::{BasicProperties, short_string, try_short_string};
use crate::domain::operation::Operation;
use crate::domain::request::Request;
use crate::wire;

pub(super) struct RequestMessage {
    pub(super) operation: Operation,
    pub(super) request: Request,
    pub(super) correlation_id: Option<String>,
}

impl RequestMessage {
    pub(super) fn outgoing(&self, job: &JobRef, reply_to: Option<&str>) -> Outgoing {
        let job_id = job.id.to_string();
        let client = &job.client;
        let body =
            wire::request::encode(&job_id, client, self.operation, wire::now(), &self.request);
        let correlation_id = self.correlation_id.as_deref().unwrap_or(&job_id);
        let mut properties = BasicProperties::default()
            .with_message_id(short_string(&job_id))
            .with_correlation_id(short_string(correlation_id))
            .with_type(short_string(self.operation.as_str()))
            .with_content_type(short_string("application/json"))
            .with_headers(lanes::contending_for(&self.request.contends_for(client)))
            .with_delivery_mode(2);
        if let Some(reply_to) = reply_to.and_then(try_short_string) {
            properties = properties.with_reply_to(reply_to);
        }
        Outgoing {
            exchange: REQUESTS,
            routing_key: short_string(self.operation.as_str()),
            mandatory: true,
            properties,
            body: body.into(),
        }
    }
}
