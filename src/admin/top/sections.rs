//! The view as tables, the same on the screen and in plain text.

use super::latency::Latency;
use super::rates::Operation;
use super::section::{Row, Section};
use super::view::View;
use super::words::{UNKNOWN, count, rate, seconds};
use crate::{printable, wire};

/// Labels and names are those of whatever process or broker was asked.
fn row<const N: usize>(cells: [String; N], alarm: bool) -> Row {
    Row { cells: cells.map(|cell| printable::text(&cell).into_owned()).into(), alarm }
}

/// Jobs, their results and how long both took.
pub(super) fn flow(view: &View) -> Vec<Section> {
    let jobs = jobs(view);
    if !view.jobs_per_second.any_traffic {
        return vec![jobs];
    }
    let mut sections = vec![jobs];
    let results = &view.jobs_per_second.results;
    if !results.is_empty() {
        let well = ["published", "replayed", "dead"];
        let result = |(outcome, value): (&String, &f64)| {
            let alarm = *value > 0.0 && !well.contains(&outcome.as_str());
            row([outcome.clone(), rate(Some(*value))], alarm)
        };
        let now = results.iter().filter(|(outcome, rate)| **rate > 0.0 || *outcome == "published");
        let rows = now.map(result).collect();
        sections.push(Section {
            head: &["RESULTS A SECOND", ""],
            texts: &[0],
            rows,
            ..Section::default()
        });
    }
    let latency = |what: &str, latency: Option<Latency>| {
        let (p50, p99) = latency.map(|latency| (latency.p50, latency.p99)).unzip();
        row([what.to_owned(), seconds(p50), seconds(p99)], false)
    };
    let rows = vec![
        latency("accepted to decided", view.accepted_to_decided_seconds),
        latency("decided to published", view.decided_to_published_seconds),
    ];
    sections.push(Section {
        head: &["LATENCY", "    p50", "    p99"],
        texts: &[0],
        rows,
        ..Section::default()
    });
    sections
}

fn jobs(view: &View) -> Section {
    let rates = &view.jobs_per_second;
    let of = |name: &str, of: &Operation| {
        row([name.to_owned(), rate(of.accepted), rate(of.decided), rate(of.refused)], false)
    };
    let mut rows: Vec<Row> = rates.operations.iter().map(|o| of(&o.operation, o)).collect();
    if rows.len() > 1 {
        // First, for the last ones go where there is little room.
        rows.insert(0, of("all", &rates.all));
    }
    if rates.any_traffic && rates.refused_before_publishing.is_some() {
        let refused = rate(rates.refused_before_publishing);
        let unknown = || UNKNOWN.to_owned();
        rows.push(row(["not accepted".to_owned(), unknown(), unknown(), refused], false));
    }
    let without = match (view.answering(), rates.any_traffic) {
        (0, _) => "no process answers",
        (_, false) => "no traffic yet",
        _ => "",
    };
    let head = &["JOBS A SECOND", "accepted", "decided", "refused"];
    Section { head, texts: &[0], elastic: 0, rows, without }
}

/// What the work stands on.
pub(super) fn state(view: &View) -> Vec<Section> {
    let queue = |queue: &super::queues::Queue| {
        row([queue.queue.clone(), count(queue.messages), count(queue.consumers)], queue.alarm)
    };
    let queues = Section {
        head: &["QUEUES", "waiting", "consumers"],
        texts: &[0],
        elastic: 0,
        rows: view.queues.iter().map(queue).collect(),
        without: "not read yet",
    };
    let mut sections = vec![queues];
    if !view.lanes.is_empty() {
        let rows = view.lanes.iter().map(lane).collect();
        let head = &["LANES", "workers", "busy", "state"];
        sections.push(Section { head, texts: &[0, 3], elastic: 0, rows, without: "" });
    }
    if !view.watched.is_empty() {
        let goods = |goods: &super::watched::Watched| {
            let left = if goods.unlimited { Some(f64::INFINITY) } else { goods.remaining };
            let name = format!("{}/{}", goods.owner, goods.goods);
            let gone = match goods.granted_per_second {
                Some(granted) if granted <= 0.0 && !goods.alarm() => "not now".to_owned(),
                _ if goods.unlimited => "never".to_owned(),
                _ if goods.alarm() => "gone".to_owned(),
                _ => seconds(goods.exhausted_in_seconds),
            };
            row([name, count(left), rate(goods.granted_per_second), gone], goods.alarm())
        };
        let rows = view.watched.iter().map(goods).collect();
        let head = &["WATCHED", "left", "a second", "gone in"];
        sections.push(Section { head, texts: &[0], elastic: 0, rows, without: "" });
    }
    sections
}

fn lane(lane: &super::lanes::Lane) -> Row {
    let states = [
        (lane.paused > 0).then(|| format!("{} paused", lane.paused)),
        (lane.blocked > 0).then(|| format!("{} blocked", lane.blocked)),
        (lane.aside > 0.0).then(|| format!("{} parked", count(Some(lane.aside)))),
    ];
    let state: Vec<String> = states.into_iter().flatten().collect();
    let state = if state.is_empty() { "ok".to_owned() } else { state.join(", ") };
    let busy = format!("{:.0} %", lane.busy * 100.0);
    row([lane.lane.clone(), lane.consuming.to_string(), busy, state], lane.alarm())
}

pub(super) fn refusals(view: &View) -> Section {
    let refusal = |refusal: &super::refusals::Refusal| {
        let at = wire::rfc3339(refusal.at);
        let clock = at.get(11..19).unwrap_or_default().to_owned();
        let operation = refusal.operation.as_deref().unwrap_or("not accepted").to_owned();
        let (code, message) = (refusal.code.clone(), refusal.message.to_owned());
        let count = count(Some(refusal.count as f64));
        row([clock, operation, code, message, count], refusal.alarm())
    };
    Section {
        head: &["LAST", "REFUSALS", "code", "message", "count"],
        texts: &[0, 1, 2, 3],
        elastic: 3,
        rows: view.refusals.iter().map(refusal).collect(),
        without: "none since the start",
    }
}

/// Each a name and a number.
pub(super) fn health(view: &View) -> Vec<String> {
    let health = &view.health;
    let audit = match health.audit_broken {
        None => "no audit".to_owned(),
        Some(broken) if broken > 0.0 => format!("audit broken: {}", count(Some(broken))),
        Some(_) => "audit holds".to_owned(),
    };
    vec![
        format!("oldest job {}", seconds(health.oldest_job_seconds)),
        format!("reconnects {}", count(health.reconnects)),
        format!("dead so far {}", count(health.dead)),
        audit,
    ]
}

/// What needs attention, a line each.
pub(super) fn troubles(view: &View) -> Vec<String> {
    let away = view.processes.iter().filter_map(|process| {
        Some(format!("{} is down: {}", process.address, process.away.as_ref()?))
    });
    let broker = view.broker_away.iter().map(|why| format!("the broker is down: {why}"));
    let all = away.chain(broker).chain(view.health.troubles.iter().cloned());
    all.map(|trouble| printable::text(&trouble).into_owned()).collect()
}

/// Who is looked at, and when.
pub(super) fn title(view: &View) -> String {
    let at = wire::rfc3339(view.at);
    let clock = at.get(11..19).unwrap_or_default();
    let (answering, all) = (view.answering(), view.processes.len());
    let over = match view.over_seconds {
        0.0 => "no rates yet".to_owned(),
        over => format!("rates over {over:.0} s"),
    };
    let processes = if all == 1 { "process answers" } else { "processes answer" };
    format!("redeemq top  {clock} UTC  {answering} of {all} {processes}  {over}")
}
