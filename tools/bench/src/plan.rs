//! How much is measured, and for how long.

/// The sizes of one run.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Plan {
    /// What it is called.
    pub name: &'static str,
    /// How often each is measured, all taking turns.
    pub rounds: usize,
    /// The same for what is measured beside the main lines.
    pub side_rounds: usize,
    /// Seconds of one measurement.
    pub seconds: f64,
    /// Seconds before it, which don't count.
    pub warm_up: f64,
    /// Jobs under way at a full load: at least so many, and so many batches.
    pub under_way: (usize, usize),
    /// Players, each with points to spend.
    pub players: u32,
    /// Goods of a spread load.
    pub goods: u32,
    /// Codes in the pool.
    pub codes: u32,
    /// Jobs that wait in the queue before a worker is started to drain it.
    pub drained: u64,
    /// Batch bounds, beside 1 and the default.
    pub bounds: Vec<u16>,
    /// Loads at which latency is measured, in percent of the highest throughput.
    pub loads: Vec<u32>,
    /// Lone jobs, one after the other.
    pub lone: usize,
    /// Clients of pgbench, of which the best counts.
    pub clients: Vec<u32>,
    /// HTTP connections.
    pub connections: u32,
    /// Sizes of the ledger, ascending.
    pub ledger: Vec<u64>,
    /// Codes of an import: few, to see whether memory grows with them, and many.
    pub imported: [u64; 2],
    /// Seconds of full load under which the worker's memory is watched.
    pub watched: f64,
}

impl Plan {
    /// Below 25 minutes.
    pub fn full() -> Self {
        Self {
            name: "full",
            rounds: 5,
            side_rounds: 3,
            seconds: 5.0,
            warm_up: 1.0,
            under_way: (500, 8),
            players: 100_000,
            goods: 1_000,
            codes: 800_000,
            drained: 40_000,
            bounds: vec![20, 100, 250, 1_000, 2_000],
            loads: vec![10, 25, 50, 65, 80, 90],
            lone: 1_000,
            clients: vec![4, 8, 16],
            connections: 256,
            ledger: vec![1_000_000, 10_000_000],
            imported: [200_000, 1_000_000],
            watched: 60.0,
        }
    }

    /// Below three minutes.
    pub fn quick() -> Self {
        Self {
            name: "quick",
            rounds: 3,
            side_rounds: 1,
            seconds: 1.5,
            warm_up: 0.5,
            codes: 200_000,
            drained: 10_000,
            bounds: vec![20, 100, 1_000],
            loads: vec![10, 50, 80],
            lone: 300,
            ledger: vec![300_000],
            imported: [50_000, 200_000],
            watched: 6.0,
            ..Self::full()
        }
    }

    /// Seconds.
    pub fn smoke() -> Self {
        Self {
            name: "smoke",
            rounds: 1,
            side_rounds: 1,
            seconds: 0.2,
            warm_up: 0.05,
            under_way: (60, 1),
            players: 1_000,
            goods: 10,
            codes: 20_000,
            drained: 500,
            bounds: vec![],
            loads: vec![10],
            lone: 10,
            clients: vec![4],
            connections: 8,
            ledger: vec![2_000],
            imported: [500, 2_000],
            watched: 0.4,
        }
    }
}
