//! How the broker itself took a message out of one of our request queues: its own word, in `x-death`.

use crate::broker::headers::DEATHS;
use crate::broker::topology::is_request_queue;
use lapin::types::{AMQPValue, FieldTable};
use std::fmt;
use time::OffsetDateTime;

/// Of what a message died in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It was delivered too often.
    DeliveryLimit,
    /// It, or the queue, had a time to live.
    Expired,
    /// The queue was to drop what does not fit.
    Full,
    /// A consumer that is none of ours rejected it.
    Rejected,
    /// Of something that later brokers know.
    Other,
}

/// A death in one of our request queues. Deaths in the queues of others say nothing about our deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    pub cause: Cause,
    pub queue: String,
    pub at: Option<OffsetDateTime>,
}

impl Death {
    /// The last one; one of the delivery limit before all others, for it holds from then on.
    pub(super) fn read(headers: &FieldTable) -> Option<Self> {
        let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get(DEATHS) else { return None };
        let ours: Vec<Self> = deaths.as_slice().iter().filter_map(Self::of).collect();
        let by_limit = ours.iter().find(|death| death.cause == Cause::DeliveryLimit);
        by_limit.or(ours.first()).cloned()
    }

    fn of(death: &AMQPValue) -> Option<Self> {
        let AMQPValue::FieldTable(death) = death else { return None };
        let text = |name: &str| match death.inner().get(name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        let queue = Some(text("queue")).filter(|queue| is_request_queue(queue))?;
        let cause = match text("reason").as_str() {
            "delivery_limit" => Cause::DeliveryLimit,
            "expired" => Cause::Expired,
            "maxlen" => Cause::Full,
            "rejected" => Cause::Rejected,
            _ => Cause::Other,
        };
        let at = match death.inner().get("time") {
            Some(AMQPValue::Timestamp(seconds)) => {
                let seconds = i64::try_from(*seconds).ok();
                seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            }
            _ => None,
        };
        Some(Self { cause, queue, at })
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.queue;
        f.write_str("dead-lettered by the broker: ")?;
        match self.cause {
            Cause::DeliveryLimit => write!(f, "over the delivery limit of queue {queue}"),
            Cause::Expired => write!(f, "it expired in queue {queue}"),
            Cause::Full => write!(f, "queue {queue} was full"),
            Cause::Rejected => write!(f, "it was rejected in queue {queue}"),
            Cause::Other => write!(f, "it died in queue {queue}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::broker::short_string::short_string;

    /// The header as the broker writes it, the last death first.
    pub(in crate::broker::consume) fn deaths(of: &[(&str, &str)]) -> FieldTable {
        let death = |(queue, reason): &(&str, &str)| {
            let mut death = FieldTable::default();
            death.insert(short_string("queue"), AMQPValue::LongString((*queue).into()));
            death.insert(short_string("reason"), AMQPValue::LongString((*reason).into()));
            death.insert(short_string("time"), AMQPValue::Timestamp(1_767_323_045));
            AMQPValue::FieldTable(death)
        };
        let mut headers = FieldTable::default();
        let deaths: Vec<AMQPValue> = of.iter().map(death).collect();
        headers.insert(short_string(DEATHS), AMQPValue::FieldArray(deaths.into()));
        headers
    }

    #[test]
    fn a_death_in_any_request_queue_is_told_and_none_in_the_queues_of_others() {
        for (of, expected) in [
            (
                &[("redeem.requests", "delivery_limit")][..],
                Some((Cause::DeliveryLimit, "redeem.requests")),
            ),
            (
                &[("redeem.requests.spare", "expired")],
                Some((Cause::Expired, "redeem.requests.spare")),
            ),
            (&[("redeem.requests.7", "maxlen")], Some((Cause::Full, "redeem.requests.7"))),
            (&[("redeem.requests", "rejected")], Some((Cause::Rejected, "redeem.requests"))),
            (&[("redeem.requests", "boredom")], Some((Cause::Other, "redeem.requests"))),
            (
                &[("redeem.requests.spare", "expired"), ("redeem.requests", "delivery_limit")],
                Some((Cause::DeliveryLimit, "redeem.requests")),
            ),
            (
                &[
                    ("redeem.requests.spare", "delivery_limit"),
                    ("redeem.requests", "delivery_limit"),
                ],
                Some((Cause::DeliveryLimit, "redeem.requests.spare")),
            ),
            (
                &[
                    ("orders", "delivery_limit"),
                    ("redeem.dead", "expired"),
                    ("redeem.requests-2", "expired"),
                ],
                None,
            ),
            (&[], None),
        ] {
            let death = Death::read(&deaths(of));
            let told = death.as_ref().map(|death| (death.cause, death.queue.as_str()));
            assert_eq!(told, expected, "{of:?}");
            assert!(
                death.is_none_or(
                    |death| death.at.is_some() && death.to_string().contains(&death.queue)
                )
            );
        }
        assert_eq!(Death::read(&FieldTable::default()), None);
    }
}
