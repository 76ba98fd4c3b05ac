//! Every metric that there is, but those of the process itself: `docs/metrics.md` says what to do about
//! each, and a test holds both and the code together.

use super::buckets::Buckets;
use metrics::{Key, Label, Level, Metadata};
use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// How it is now.
    Gauge,
    /// How often it was how much.
    Histogram(Buckets),
}

/// Which process has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The ingress.
    Ingress,
    /// A worker.
    Worker,
    /// Both.
    Any,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Who has it.
    pub part: Part,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Values of its labels that are told as 0 from the start: an increase from nothing to 1 is none to
    /// Prometheus, and the first dead letter shall raise the alarm.
    pub known: &'static [&'static [&'static str]],
    /// What it tells.
    pub help: &'static str,
}

const fn metric(
    part: Part,
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    known: &'static [&'static [&'static str]],
    help: &'static str,
) -> Metric {
    Metric { name, kind, part, labels, known, help }
}

/// Without labels, from the start.
const ONE: &[&[&str]] = &[&[]];
/// Not told before it is set.
const NONE: &[&[&str]] = &[];

use Kind::{Counter, Gauge, Histogram};
use Part::{Any, Ingress, Worker};

/// All of them, in the order of a job's way.
#[rustfmt::skip] // a table
pub const ALL: &[Metric] = &[
    metric(Ingress, Counter, "redeemq_accepted_total", &["operation"],
        &[&["goods"], &["goods_group"], &["verify"], &["sponsor"], &["sponsor_group"]],
        "Jobs that the broker has confirmed: answered 202, or waited for."),
    metric(Ingress, Counter, "redeemq_refused_total", &["code"], &[&["3003"]],
        "Requests refused before publishing."),
    metric(Ingress, Counter, "redeemq_limited_total", &["limit"], &[&["client"], &["address"], &["auth"]],
        "Requests answered 429, by the limit that they met."),
    metric(Ingress, Counter, "redeemq_auth_hashes_total", &[], ONE,
        "Api secrets hashed: the costliest thing that a stranger can ask for."),
    metric(Ingress, Gauge, "redeemq_clients_snapshot_failing", &[], NONE,
        "1 while tokens are judged by an old snapshot of the clients."),
    metric(Ingress, Gauge, "redeemq_gates_open", &[], NONE,
        "Publishers that let requests through to the broker; at 0 callers are told 503."),
    metric(Ingress, Counter, "redeemq_publisher_reconnects_total", &[], ONE,
        "Publishers of requests that had to begin anew."),
    metric(Ingress, Histogram(Buckets::Step), "redeemq_confirm_seconds", &[], ONE,
        "Time from publishing a window of requests to the last of its confirms."),
    metric(Ingress, Counter, "redeemq_requests_returned_total", &["why"],
        &[&["unrouted"], &["full"], &["too_large"]],
        "Requests that the broker gave back: no queue, a full queue, too large."),
    metric(Any, Gauge, "redeemq_connections", &["server"], NONE,
        "Open HTTP connections."),
    metric(Any, Counter, "redeemq_connections_refused_total", &["server"], &[&["metrics"]],
        "HTTP connections beyond the bound."),
    metric(Any, Counter, "redeemq_connections_cut_total", &["server", "why"], NONE,
        "HTTP connections closed: no request came in time, idle, an answer unread."),
    metric(Any, Gauge, "redeemq_queue_messages", &["queue"], NONE,
        "Messages that are ready in a queue; those sent to a worker are not among them."),
    metric(Any, Gauge, "redeemq_queue_consumers", &["queue"], NONE,
        "Consumers that the broker knows of a queue."),
    metric(Worker, Gauge, "redeemq_lanes_consuming", &["lane"], NONE,
        "1 while the worker takes jobs of this lane."),
    metric(Worker, Gauge, "redeemq_lane_busy", &["lane"], NONE,
        "1 while a batch of this lane is in the database, retries included."),
    metric(Worker, Gauge, "redeemq_lane_paused", &["lane"], NONE,
        "1 while the database keeps this lane from going on."),
    metric(Worker, Gauge, "redeemq_lane_blocked", &["lane"], NONE,
        "1 while an alarm of the broker keeps this lane from going on."),
    metric(Any, Histogram(Buckets::Wait), "redeemq_broker_blocked_seconds", &["part"], NONE,
        "How long alarms of the broker held us up, each told when it was over."),
    metric(Worker, Gauge, "redeemq_oldest_job_age_seconds", &[], NONE,
        "Age of the oldest job in hand since its acceptance, the highest since the last look; 0 without any."),
    metric(Worker, Gauge, "redeemq_jobs_aside", &["lane", "why"], NONE,
        "Jobs that wait beside the others: a row that they need is held, or they are suspect."),
    metric(Worker, Counter, "redeemq_redelivered_total", &[], ONE,
        "Deliveries that had been sent to a worker before."),
    metric(Worker, Histogram(Buckets::Jobs), "redeemq_batch_jobs", &[], ONE,
        "Jobs in a batch."),
    metric(Worker, Histogram(Buckets::Step), "redeemq_batch_seconds", &[], ONE,
        "Time of a batch in the database, from its begin to its commit."),
    metric(Worker, Histogram(Buckets::Step), "redeemq_step_seconds", &["step"],
        &[&["load"], &["decide"], &["persist"], &["commit"], &["publish"]],
        "Time of each step of a batch."),
    metric(Worker, Counter, "redeemq_batch_errors_total", &["kind"],
        &[&["transient"], &["deployment"], &["stalled"], &["job"], &["twin"]],
        "Errors of the database over a batch."),
    metric(Worker, Counter, "redeemq_batches_split_total", &[], ONE,
        "Batches halved in search of a culprit."),
    metric(Worker, Counter, "redeemq_decided_total", &["operation", "code"],
        &[&["goods", "0000"], &["goods_group", "0000"], &["sponsor", "0000"], &["sponsor_group", "0000"],
          &["verify", "0000"], &["verify", "0608"], &["verify", "0901"]],
        "Decisions stored."),
    metric(Worker, Counter, "redeemq_duplicates_total", &["answer"], &[&["stored"], &["3001"]],
        "Jobs whose id had been decided before: given the stored answer, or refused for other content."),
    metric(Worker, Histogram(Buckets::Wait), "redeemq_accepted_to_decided_seconds", &[], ONE,
        "From a job's acceptance, by the ingress's clock, to its decision, by the worker's."),
    metric(Worker, Histogram(Buckets::Wait), "redeemq_decided_to_published_seconds", &[], ONE,
        "From a decision to the broker's confirm of its result."),
    metric(Worker, Counter, "redeemq_results_total", &["outcome"],
        &[&["published"], &["replayed"], &["refused"], &["unrouted"], &["too_large"], &["unconfirmed"], &["dead"]],
        "Results settled, by what became of them."),
    metric(Worker, Counter, "redeemq_replies_total", &["outcome"],
        &[&["published"], &["refused"], &["gone"], &["unconfirmed"], &["ignored"]],
        "Copies to reply queues, by what became of them."),
    metric(Worker, Gauge, "redeemq_routes_silent", &[], NONE,
        "Exchanges and routing keys to which nothing is confirmed, while the broker answers."),
    metric(Any, Counter, "redeemq_confirms_unknown_total", &["of"], &[&["requests"], &["results"]],
        "Messages whose confirm did not come: the broker may have them or not."),
    metric(Worker, Counter, "redeemq_acks_lost_total", &[], ONE,
        "Acks that could not be sent: those jobs are answered twice, with the same bytes."),
    metric(Worker, Counter, "redeemq_sessions_lost_total", &[], ONE,
        "Sessions with the broker that a worker's lane has lost."),
    metric(Worker, Counter, "redeemq_dead_total", &["reason"],
        &[&["undecodable"], &["attempts"], &["poison"]],
        "Dead letters."),
    metric(Worker, Gauge, "redeemq_goods_remaining", &["owner", "goods"], NONE,
        "Units of watched goods that can still be granted."),
    metric(Worker, Counter, "redeemq_goods_granted_total", &["owner", "goods"], NONE,
        "Units of watched goods granted, by the books: the same on each worker."),
    metric(Worker, Gauge, "redeemq_audit_broken", &[], NONE,
        "Checks of the last audit that did not hold."),
    metric(Worker, Gauge, "redeemq_audit_rows_broken", &[], NONE,
        "Rows that contradict those checks."),
    metric(Worker, Gauge, "redeemq_audit_failing", &[], NONE,
        "1 while the audit failed: check the database."),
    metric(Worker, Gauge, "redeemq_audit_finished_timestamp_seconds", &[], NONE,
        "When the last audit came to its end."),
    metric(Any, Counter, "redeemq_spans_exported_total", &[], ONE,
        "Spans that the collector has taken."),
    metric(Any, Counter, "redeemq_spans_lost_total", &["why"], &[&["full"], &["refused"]],
        "Spans that did not reach the collector: too many at a time, or it did not take them."),
    metric(Any, Gauge, "redeemq_pool_connections", &["pool", "state"], NONE,
        "Connections of a pool that are used or idle."),
    metric(Any, Gauge, "redeemq_pool_connections_max", &["pool"], NONE,
        "Most connections that a pool may open."),
    metric(Any, Gauge, "redeemq_build_info", &["version"], NONE,
        "Always 1; which version runs."),
];

impl Metric {
    /// Tells Prometheus what it is, and begins it where its labels are known.
    pub fn begin(&self) {
        match self.kind {
            Counter => describe_counter!(self.name, self.help),
            Gauge => describe_gauge!(self.name, self.help),
            Histogram(_) => describe_histogram!(self.name, self.help),
        }
        for values in self.known {
            let labels = self.labels.iter().zip(*values);
            let labels: Vec<Label> =
                labels.map(|(label, value)| Label::from_static_parts(label, value)).collect();
            let key = Key::from_parts(self.name, labels);
            let metadata = Metadata::new(module_path!(), Level::INFO, None);
            metrics::with_recorder(|all| match self.kind {
                Counter => all.register_counter(&key, &metadata).increment(0),
                Gauge => all.register_gauge(&key, &metadata).set(0.0),
                Histogram(_) => drop(all.register_histogram(&key, &metadata)),
            });
        }
    }

    /// Whether a process with these parts has it.
    pub fn is_of(&self, ingress: bool, worker: bool) -> bool {
        match self.part {
            Any => true,
            Ingress => ingress,
            Worker => worker,
        }
    }
}
