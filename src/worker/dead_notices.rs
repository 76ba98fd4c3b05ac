//! What the broker dead-letters itself is answered like any other message. It does so where no worker came
//! to settle a message: over its own delivery limit, or by a policy that is not ours.
//!
//! The broker's dead letters pass the exchange `redeem.dead`, which copies each to the queue
//! `redeem.dead.notices`. A worker takes the copy, and leaves the letter to operators. It looks the job up: a
//! decided one gets its stored result; any other is recorded as dead, and its notice is sent. The copy is
//! acknowledged when that is confirmed, so the notice is sent at least once. Workers put their own dead
//! letters into the queue `redeem.dead` directly; those of version 0.1.0 come as copies as well, and are only
//! acknowledged.

use crate::broker::Result;
use crate::broker::consume::consumer::Consumer;
use crate::broker::consume::received::Received;
use crate::broker::topology::lanes::Source;
use crate::retry::Pauses;
use crate::worker::batch::delivery::Delivery;
use crate::worker::context::{Context, Settings};
use crate::worker::lane::publishing::Publishing;
use crate::worker::publish::result_publisher::ResultPublisher;
use crate::worker::redelivery::dead_letterer::DeadLetterer;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// One at a time: if a copy can't be read, its delivery count alone rises.
const PREFETCH: u16 = 1;
/// Results that readers refuse, and those that are not confirmed: no more than there are deliveries.
const HELD_MAX: usize = PREFETCH as usize;
/// The pause before the next try, while the database does not answer.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The pause after a copy that can't be read: the broker drops it when it was delivered often enough.
const UNREADABLE_PAUSE: Duration = Duration::from_millis(10);
/// How long a session that ends may take for its last notice.
const FINISH_MAX: Duration = Duration::from_secs(4);
/// A session that lasted so long was no part of a series of faults.
const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Runs sessions until told to stop.
pub(super) async fn supervise(context: Arc<Context>, stop: CancellationToken) {
    let mut pauses = Pauses::new();
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let Err(error) = session(&context, &stop).await else { return };
        if begun.elapsed() >= STABLE_AFTER {
            pauses.reset();
        }
        let pause = if error.is_unreadable() { UNREADABLE_PAUSE } else { pauses.draw() };
        let pause_ms = pause.as_millis() as u64;
        tracing::warn!(%error, pause_ms, "lost queue redeem.dead.notices; reconnecting");
        stop.run_until_cancelled(sleep(pause)).await;
    }
}

/// From connecting to the first fault, or to the stop.
async fn session(context: &Arc<Context>, stop: &CancellationToken) -> Result<()> {
    let Settings { amqp_url, queue_bytes_max, .. } = &context.settings;
    let mut consumer =
        Consumer::connect(amqp_url, Source::DeadLetters, Some(*queue_bytes_max)).await?;
    let publisher = ResultPublisher::open(
        &context.publishers,
        &context.max_message_size,
        &context.route_circuits,
        consumer.settler(),
        HELD_MAX,
    );
    let publishing = Publishing::start(publisher.await?);
    let mut dead_letterer = DeadLetterer::new(Arc::clone(context));
    let taken = take(&mut consumer, &publishing, &mut dead_letterer, stop).await;
    let published = publishing.finish(FINISH_MAX).await;
    consumer.close().await;
    taken.and(published)
}

async fn take(
    consumer: &mut Consumer,
    publishing: &Publishing,
    dead_letterer: &mut DeadLetterer,
    stop: &CancellationToken,
) -> Result<()> {
    consumer.consume(PREFETCH).await?;
    loop {
        let received = tokio::select! {
            received = consumer.next() => received?,
            () = publishing.ended() => return Ok(()),
            () = stop.cancelled() => return Ok(()),
        };
        tokio::select! {
            () = tell(received, consumer, publishing, dead_letterer) => {}
            () = publishing.ended() => return Ok(()),
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// Tells whoever can be told, as soon as the database allows it.
async fn tell(
    received: Received,
    consumer: &Consumer,
    publishing: &Publishing,
    dead_letterer: &mut DeadLetterer,
) {
    let tag = received.tag;
    let mut told = None;
    if let Some(death) = received.death.clone() {
        let mut delivery = Delivery::read(received);
        told = loop {
            dead_letterer.begin_batch();
            match dead_letterer.answer_or_notify(delivery, &death).await {
                Ok(told) => break told,
                Err(given_back) => delivery = given_back,
            }
            sleep(RETRY_EVERY).await;
        };
    }
    match told {
        Some(told) => publishing.send(vec![told]).await,
        None => {
            consumer.settler().ack(&[tag]).await;
        }
    }
}
