//! How finely histograms tell.

/// The buckets of a histogram: each is one time series, and a worker has some hundreds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// What takes milliseconds, and at most the seconds that a session allows.
    Step,
    /// What a caller may wait for: from milliseconds to the hours of an outage.
    Wait,
    /// Jobs of a batch, up to the largest bound.
    Jobs,
}

impl Buckets {
    /// Upper bounds, in seconds or jobs.
    pub fn bounds(self) -> &'static [f64] {
        match self {
            Buckets::Step => &[
                0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                1.0, 2.5, 5.0, 10.0,
            ],
            Buckets::Wait => &[
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
                1_800.0, 7_200.0,
            ],
            Buckets::Jobs => &[
                1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 350.0, 500.0, 1_000.0, 2_000.0,
                5_000.0,
            ],
        }
    }
}
