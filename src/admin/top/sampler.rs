//! Looks at everything at a time.

use super::fetch::{Endpoint, Fetcher};
use super::queues::{self, Told};
use super::sample::Sample;
use crate::wire;
use futures_util::future::join_all;
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest wait for a page of metrics: the screen should not stand still for longer.
const PAGE_WAIT_MAX: Duration = Duration::from_secs(2);

/// All that is asked. The broker is asked beside the endpoints, and for as long as this is kept: its
/// answers may take longer than theirs.
pub(super) struct Sampler {
    fetcher: Fetcher,
    endpoints: Vec<Endpoint>,
    within: Duration,
    queues: Option<watch::Receiver<Told>>,
    _asking: JoinSet<()>,
}

impl Sampler {
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        amqp_url: Option<SecretString>,
        every: Duration,
    ) -> Self {
        let mut asking = JoinSet::new();
        let queues = amqp_url.map(|url| {
            let (told, queues) = watch::channel(None);
            asking.spawn(queues::ask(url, every, told));
            queues
        });
        let within = every.min(PAGE_WAIT_MAX);
        Self { fetcher: Fetcher::new(), endpoints, within, queues, _asking: asking }
    }

    /// Until the broker has said something, or is known to be away.
    pub(super) async fn until_broker_told(&mut self) {
        if let Some(queues) = &mut self.queues {
            // Nothing is ever said any more if the asking has ended, which it never does.
            _ = queues.wait_for(Option::is_some).await;
        }
    }

    pub(super) async fn look(&self) -> Sample {
        let fetching = self.endpoints.iter().map(async |endpoint| {
            (endpoint.to_string(), self.fetcher.fetch(endpoint, self.within).await)
        });
        let pages = join_all(fetching).await.into_iter().collect();
        let queues = self.queues.as_ref().and_then(|told| told.borrow().clone());
        Sample { at: Instant::now(), clock: wire::now(), pages, queues }
    }
}
