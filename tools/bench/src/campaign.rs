//! The order of a run.

use crate::Arguments;
use crate::bench::{Bench, Place};
use crate::book::Book;
use crate::broker_limit::Samples;
use crate::database_limit::Database;
use crate::jobs::{Jobs, Keys, Kind};
use crate::machine::{self, Machine};
use crate::plan::Plan;
use crate::rig::Rig;
use crate::{bounds, cost, front, growth, imports, latencies, limits, pictures, table, targets};
use harness::servers::Servers;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Throughput, and what bounds it.
    Limits,
    /// Throughput by the bound of a batch, and the worker's memory.
    Bounds,
    /// Latency by load, and of a lone job.
    Latency,
    /// The front door.
    Http,
    /// A ledger that has grown.
    Growth,
    /// Imports of codes.
    Imports,
    /// CPU time, bytes, statements, rows.
    Cost,
}

const PARTS: [Part; 7] = [
    Part::Limits,
    Part::Bounds,
    Part::Latency,
    Part::Http,
    Part::Growth,
    Part::Imports,
    Part::Cost,
];

impl Part {
    /// How often it says what is measured now.
    fn steps(self, plan: &Plan) -> usize {
        let (rounds, side_rounds) = (plan.rounds, plan.side_rounds);
        match self {
            Part::Limits => 1 + rounds + side_rounds,
            Part::Bounds => side_rounds + 1,
            Part::Latency => side_rounds * plan.loads.len() + rounds,
            Part::Http => rounds + 1,
            Part::Growth => plan.ledger.len() * (1 + side_rounds),
            Part::Imports => side_rounds,
            Part::Cost => 1,
        }
    }
}

/// Everything at hand.
pub struct Lab {
    pub bench: Bench,
    /// Where most is measured.
    pub place: Place,
    pub rig: Rig,
    pub book: Book,
    /// What a worker reads and writes for a job of the hot load.
    pub samples: Samples,
    /// Whether the servers may be started anew, for they are ours.
    pub owns_servers: bool,
}

impl Lab {
    async fn open(arguments: &Arguments, plan: Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&arguments.folder)?;
        let folder = arguments.folder.canonicalize()?;
        let servers = match &arguments.services {
            Some(name) => Servers::from_environment(name)?,
            None => Servers::named("bench")?,
        };
        let mut bench = Bench::open(plan, servers, folder).await?;
        let place = bench.copy().await?;
        let rig = Rig::open(&place.amqp_url).await?;
        let jobs =
            Jobs::new(Kind::Sponsor { spread: false }, Keys::Drawn, &bench.world, place.secrets()?);
        let samples = Database::open(&place)?.samples(&jobs).await?;
        let (book, owns_servers) = (Book::default(), arguments.services.is_some());
        Ok(Self { bench, place, rig, book, samples, owns_servers })
    }

    /// A supply of jobs.
    pub fn jobs(&self, kind: Kind) -> anyhow::Result<Arc<Jobs>> {
        self.jobs_with(kind, Keys::Drawn)
    }

    pub fn jobs_with(&self, kind: Kind, keys: Keys) -> anyhow::Result<Arc<Jobs>> {
        Ok(Arc::new(Jobs::new(kind, keys, &self.bench.world, self.place.secrets()?)))
    }

    async fn measure(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Limits => limits::measure(self).await,
            Part::Bounds => bounds::measure(self).await,
            Part::Latency => latencies::measure(self).await,
            Part::Http => front::measure(self).await,
            Part::Growth => growth::measure(self).await,
            Part::Imports => imports::measure(self).await,
            Part::Cost => cost::measure(self).await,
        }
    }
}

/// Measures, prints and writes.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let plan = match (arguments.quick, arguments.smoke) {
        (_, true) => Plan::smoke(),
        (true, false) => Plan::quick(),
        (false, false) => Plan::full(),
    };
    let wanted = |part: &Part| arguments.only.is_empty() || arguments.only.contains(part);
    let parts: Vec<Part> = PARTS.into_iter().filter(wanted).collect();
    // The world and the books are a step each.
    table::begin(2 + parts.iter().map(|part| part.steps(&plan)).sum::<usize>());
    table::progress("loading the world");
    let mut lab = Lab::open(arguments, plan).await?;
    let machine = Machine::look(&lab.bench, &lab.place).await?;
    for part in parts {
        Box::pin(lab.measure(part)).await?;
    }
    table::progress("asking the books whether all that was right");
    lab.place.audit()?;
    let Lab { bench, rig, book, .. } = lab;
    drop(rig);
    let (plan, folder) = (bench.plan.clone(), bench.folder.clone());
    bench.close().await?;

    let targets = targets::all(&book, &plan);
    let took = begun.elapsed().as_secs_f64();
    let load_after = machine::load();
    table::print(&machine, &plan, &targets, &book, (took, load_after));
    let results = serde_json::json!({
        "machine": machine, "plan": plan, "targets": targets, "series": book.series(),
        "notes": book.notes, "seconds": took, "load_after": load_after,
        "finished_at": redeemq::wire::rfc3339(redeemq::wire::now()),
    });
    write(&folder, &plan, &results)?;
    let pictures = arguments.pictures.as_deref().unwrap_or(&folder);
    std::fs::create_dir_all(pictures)?;
    pictures::draw(pictures, &book, &plan)
}

fn write(folder: &Path, plan: &Plan, results: &serde_json::Value) -> anyhow::Result<()> {
    let file = folder.join(format!("{}.json", plan.name));
    std::fs::write(&file, serde_json::to_string_pretty(results)?)?;
    table::written(&file);
    Ok(())
}
