//! A session takes: what has arrived, what was parked and what is suspected.

use crate::broker::Result;
use crate::broker::consume::consumer::Consumer;
use crate::worker::batch::delivery::Delivery;
use crate::worker::batch::gatherer::Gatherer;
use crate::worker::lane::publishing::Publishing;
use crate::worker::lane::start::Start;
use crate::worker::lane::state::Lane;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long nothing must arrive before another consumer is opened beside parked jobs.
const QUIET: Duration = Duration::from_millis(250);

impl Lane {
    /// Takes batches until told to stop, then what was prefetched already.
    pub(super) async fn take(&mut self, start: Start, stop: &CancellationToken) -> Result<()> {
        self.begin(start, stop).await?;
        loop {
            tokio::select! {
                batch = next_batch(&mut self.gatherer, &mut self.consumer, &self.publishing) => {
                    self.process(batch?, stop).await?;
                }
                done = self.parked.outcome(&self.context, stop), if !self.parked.is_empty() => {
                    self.hand_on(done, Vec::new()).await;
                }
                () = self.suspects.due(), if !self.suspects.is_empty() => {
                    let suspects = self.suspects.take();
                    self.process(suspects, stop).await?;
                }
                () = self.prefetch.may_grow(), if self.prefetch.is_careful() => {
                    self.prefetch.grow();
                    self.consumer.consume_anew(self.prefetch.count()).await?;
                }
                () = tokio::time::sleep(QUIET), if self.prefetch.is_filled_by(self.parked.len()) => {
                    self.open_another_consumer().await?;
                }
                // While two batches wait to be published, none is begun that would notice.
                () = self.publishing.until_blocked(true) => {
                    self.unblocked(stop).await;
                }
                () = stop.cancelled() => break,
                () = self.publishing.ended() => return Ok(()),
            }
        }
        self.drain(stop).await
    }

    /// Parked jobs shall not keep others out of the prefetch.
    async fn open_another_consumer(&mut self) -> Result<()> {
        let parked = self.parked.len();
        tracing::warn!(parked, "parked jobs fill the prefetch; opening another consumer");
        self.prefetch.add_consumer();
        self.consumer.consume_anew(self.prefetch.count()).await
    }
}

/// The next batch, once there is room for its results. Gathered any earlier it would be decided and wait,
/// and what arrives meanwhile would need a batch of its own.
async fn next_batch(
    gatherer: &mut Gatherer,
    consumer: &mut Consumer,
    publishing: &Publishing,
) -> Result<Vec<Delivery>> {
    let _room = publishing.room().await;
    gatherer.gather(consumer).await
}
