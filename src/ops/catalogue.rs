//! Every metric that there is, but those of the process itself: `docs/metrics.md` says what to do about
//! each, and a test holds both and the code together.

use super::buckets::Buckets;
use metrics::{Key, Label, Level, Metadata};
use metrics::{describe_counter, describe_gauge, describe_histogram};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// How often it was how much.
    Histogram(Buckets),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Ingress,
    Worker,
    Any,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub part: Part,
    pub labels: &'static [&'static str],
    /// Values of its labels that are told as 0 from the start: an increase from nothing to 1 is none to
    /// Prometheus, and the first dead letter shall raise the alarm.
    pub known: &'static [&'static [&'static str]],
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
        "Jobs accepted: the broker confirmed them."),
    metric(Ingress, Counter, "redeemq_refused_total", &["code"], &[&["3003"]],
        "Requests refused before publishing."),
    metric(Ingress, Counter, "redeemq_limited_total", &["limit"], &[&["client"], &["address"], &["auth"]],
        "Requests answered 429, by the limit that they met."),
    metric(Ingress, Counter, "redeemq_auth_hashes_total", &[], ONE,
        "Argon2 hashes of api secrets: the costliest work an unauthenticated caller can cause."),
    metric(Ingress, Gauge, "redeemq_clients_snapshot_failing", &[], NONE,
        "1 while tokens are checked against an old snapshot of the clients."),
    metric(Ingress, Gauge, "redeemq_gates_open", &[], NONE,
        "Request publishers that are connected to the broker; at 0 callers get 503."),
    metric(Ingress, Counter, "redeemq_publisher_reconnects_total", &[], ONE,
        "Reconnects of request publishers."),
    metric(Ingress, Histogram(Buckets::Step), "redeemq_confirm_seconds", &[], ONE,
        "Time from publishing a window of requests to its last confirm."),
    metric(Ingress, Counter, "redeemq_requests_returned_total", &["why"],
        &[&["unrouted"], &["full"], &["too_large"]],
        "Requests that the broker returned: unrouted, full queue, too large."),
    metric(Any, Gauge, "redeemq_connections", &["server"], NONE,
        "Open HTTP connections."),
    metric(Any, Counter, "redeemq_connections_refused_total", &["server", "why"],
        &[&["metrics", "full"], &["metrics", "address"]],
        "HTTP connections refused: all places are taken (full), or those of the address."),
    metric(Any, Counter, "redeemq_connections_cut_total", &["server", "why"], NONE,
        "HTTP connections closed: no request in time, idle, or response not read."),
    metric(Ingress, Counter, "redeemq_waits_refused_total", &["why"], &[&["full"], &["client"]],
        "Requests answered without the wait that they asked for: all places are taken (full), or the client's share."),
    metric(Any, Gauge, "redeemq_queue_messages", &["queue"], NONE,
        "Ready messages of a queue, without those in the prefetch of a worker."),
    metric(Any, Gauge, "redeemq_queue_consumers", &["queue"], NONE,
        "Consumers of a queue, as the broker counts them."),
    metric(Worker, Gauge, "redeemq_lanes_consuming", &["lane"], NONE,
        "1 while the worker consumes this lane."),
    metric(Worker, Gauge, "redeemq_lane_busy", &["lane"], NONE,
        "1 while a batch of this lane is in the database, including retries."),
    metric(Worker, Gauge, "redeemq_lane_paused", &["lane"], NONE,
        "1 while this lane waits for the database."),
    metric(Worker, Gauge, "redeemq_lane_blocked", &["lane"], NONE,
        "1 while a broker alarm blocks this lane."),
    metric(Any, Histogram(Buckets::Wait), "redeemq_broker_blocked_seconds", &["part"], NONE,
        "Duration of broker alarms, recorded at their end."),
    metric(Worker, Gauge, "redeemq_oldest_job_age_seconds", &[], NONE,
        "Age since acceptance of the oldest job in flight, the maximum since the last scrape; 0 without jobs."),
    metric(Worker, Gauge, "redeemq_jobs_aside", &["lane", "why"], NONE,
        "Parked jobs: a row that they need is locked, or they are poison suspects."),
    metric(Worker, Counter, "redeemq_redelivered_total", &[], ONE,
        "Redeliveries: messages that were delivered to a worker before."),
    metric(Worker, Histogram(Buckets::Jobs), "redeemq_batch_jobs", &[], ONE,
        "Jobs in a batch."),
    metric(Worker, Histogram(Buckets::Step), "redeemq_batch_seconds", &[], ONE,
        "Time of a batch in the database, from begin to commit."),
    metric(Worker, Histogram(Buckets::Step), "redeemq_step_seconds", &["step"],
        &[&["load"], &["decide"], &["persist"], &["commit"], &["publish"]],
        "Time of each step of a batch."),
    metric(Worker, Counter, "redeemq_batch_errors_total", &["kind"],
        &[&["transient"], &["deployment"], &["stalled"], &["job"], &["twin"]],
        "Database errors of batches."),
    metric(Worker, Counter, "redeemq_batches_split_total", &[], ONE,
        "Batches bisected to find the job at fault."),
    metric(Worker, Counter, "redeemq_decided_total", &["operation", "code"],
        &[&["goods", "0000"], &["goods_group", "0000"], &["sponsor", "0000"], &["sponsor_group", "0000"],
          &["verify", "0000"], &["verify", "0608"], &["verify", "0901"]],
        "Decisions stored."),
    metric(Worker, Counter, "redeemq_duplicates_total", &["answer"], &[&["stored"], &["3001"]],
        "Duplicates: jobs decided before, answered with the stored result or refused for other content (3001)."),
    metric(Worker, Histogram(Buckets::Wait), "redeemq_accepted_to_decided_seconds", &[], ONE,
        "From a job's acceptance, by the ingress's clock, to its decision, by the worker's."),
    metric(Worker, Histogram(Buckets::Wait), "redeemq_decided_to_published_seconds", &[], ONE,
        "From a decision to the broker's confirm of its result."),
    metric(Worker, Counter, "redeemq_results_total", &["outcome"],
        &[&["published"], &["replayed"], &["refused"], &["unrouted"], &["too_large"], &["unconfirmed"], &["dead"]],
        "Results, by outcome of their publishing."),
    metric(Worker, Counter, "redeemq_replies_total", &["outcome"],
        &[&["published"], &["refused"], &["gone"], &["unconfirmed"], &["ignored"]],
        "Copies to reply queues, by outcome of their publishing."),
    metric(Worker, Gauge, "redeemq_routes_silent", &[], NONE,
        "Open route circuits: routes that confirm nothing while the broker responds."),
    metric(Any, Counter, "redeemq_confirms_unknown_total", &["of"], &[&["requests"], &["results"]],
        "Messages without a confirm: the broker may have them or not."),
    metric(Worker, Counter, "redeemq_acks_lost_total", &[], ONE,
        "Acks that could not be sent: these results are published twice, with the same bytes."),
    metric(Worker, Counter, "redeemq_sessions_lost_total", &[], ONE,
        "Broker sessions lost by lanes of a worker."),
    metric(Worker, Counter, "redeemq_dead_total", &["reason"],
        &[&["undecodable"], &["attempts"], &["poison"], &["broker"]],
        "Dead letters."),
    metric(Worker, Gauge, "redeemq_goods_remaining", &["owner", "goods"], NONE,
        "Units of watched goods that can still be granted."),
    metric(Worker, Counter, "redeemq_goods_granted_total", &["owner", "goods"], NONE,
        "Units of watched goods granted, from the database: the same on each worker."),
    metric(Worker, Gauge, "redeemq_audit_broken", &[], NONE,
        "Failed checks of the last audit."),
    metric(Worker, Gauge, "redeemq_audit_rows_broken", &[], NONE,
        "Rows that break these checks."),
    metric(Worker, Gauge, "redeemq_audit_failing", &[], NONE,
        "1 while the audit cannot run."),
    metric(Worker, Gauge, "redeemq_audit_finished_timestamp_seconds", &[], NONE,
        "Time at which the last audit ended."),
    metric(Any, Counter, "redeemq_spans_exported_total", &[], ONE,
        "Spans exported to the collector."),
    metric(Any, Counter, "redeemq_spans_lost_total", &["why"], &[&["full"], &["refused"]],
        "Spans dropped: the buffer was full, or the collector refused them."),
    metric(Any, Gauge, "redeemq_pool_connections", &["pool", "state"], NONE,
        "Connections of a pool, used or idle."),
    metric(Any, Gauge, "redeemq_pool_connections_max", &["pool"], NONE,
        "Most connections that a pool may open."),
    metric(Any, Gauge, "redeemq_build_info", &["version"], NONE,
        "Always 1; the label is the version."),
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
