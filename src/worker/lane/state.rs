//! What a lane holds during one session.

use crate::broker::Result;
use crate::broker::consume::consumer::Consumer;
use crate::broker::topology::lanes::Source;
use crate::worker::batch::gatherer::Gatherer;
use crate::worker::context::Context;
use crate::worker::lane::prefetch::Prefetch;
use crate::worker::lane::publishing::Publishing;
use crate::worker::lane::start::Start;
use crate::worker::parked::parked_jobs::ParkedJobs;
use crate::worker::publish::result_publisher::ResultPublisher;
use crate::worker::redelivery::dead_letterer::DeadLetterer;
use crate::worker::redelivery::poison_suspects::PoisonSuspects;
use std::sync::Arc;
use time::OffsetDateTime;

/// Batches that a prefetch holds: one publishing, one in the database, one arriving.
const BATCHES_PREFETCHED: usize = 3;

/// One session of a lane.
pub(super) struct Lane {
    pub(super) context: Arc<Context>,
    pub(super) consumer: Consumer,
    pub(super) prefetch: Prefetch,
    pub(super) gatherer: Gatherer,
    pub(super) parked: ParkedJobs,
    pub(super) suspects: PoisonSuspects,
    pub(super) dead_letterer: DeadLetterer,
    pub(super) publishing: Publishing,
}

impl Lane {
    /// Connects to the broker, to consume and to publish; nothing is consumed yet.
    pub(super) async fn open(context: &Arc<Context>, start: Start) -> Result<Self> {
        let settings = &context.settings;
        let declare = (start == Start::Usual).then_some(settings.queue_bytes_max);
        let consumer = Consumer::connect(&settings.amqp_url, context.source, declare).await?;
        let prefetch = u16::try_from(settings.batch_max * BATCHES_PREFETCHED).unwrap_or(u16::MAX);
        let (pool, bound, silent) =
            (&context.publishers, &context.max_message_size, &context.route_circuits);
        let held_max = usize::from(prefetch / 4);
        let publisher =
            ResultPublisher::open(pool, bound, silent, consumer.settler(), held_max).await?;
        if context.source != Source::DeadLetters {
            let lane = context.source.label();
            tracing::info!(%lane, batch_max = settings.batch_max, prefetch, "consuming");
        }
        Ok(Self {
            context: Arc::clone(context),
            consumer,
            prefetch: Prefetch::new(prefetch),
            gatherer: Gatherer::new(settings.batch_max),
            parked: ParkedJobs::new(settings.batch_max),
            suspects: PoisonSuspects::none(),
            dead_letterer: DeadLetterer::new(Arc::clone(context)),
            publishing: Publishing::start(publisher),
        })
    }

    /// When the oldest jobs were accepted that wait beside the batches.
    pub(super) fn oldest_waiting(&self) -> impl Iterator<Item = OffsetDateTime> {
        let beside = self.parked.oldest().into_iter().chain(self.suspects.oldest());
        beside.chain(self.gatherer.oldest())
    }
}
