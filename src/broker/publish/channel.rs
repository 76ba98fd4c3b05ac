//! A channel that confirms, one message on it, and the time that may take.

use crate::broker::error::Result;
use crate::broker::publish::message::Outgoing;
use crate::broker::short_string::short_string;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Connection, ConnectionStatus, PublisherConfirm};
use std::time::Duration;
use tokio::time::Instant;

/// How often a pending window looks whether the broker has blocked us meanwhile.
const BLOCKED_CHECK: Duration = Duration::from_millis(100);

/// A channel that confirms.
pub(in crate::broker) async fn confirming(connection: &Connection) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

pub(in crate::broker) async fn send(
    channel: &Channel,
    message: &Outgoing,
) -> Result<PublisherConfirm> {
    let options = BasicPublishOptions { mandatory: message.mandatory, immediate: false };
    let publishing = channel.basic_publish(
        short_string(message.exchange),
        message.routing_key.clone(),
        options,
        &message.body,
        message.properties.clone(),
    );
    Ok(publishing.await?)
}

/// Waits so long for it; none when that was in vain. Time while the broker blocks us does not count
/// when `patient`, else a block ends the wait.
pub(in crate::broker) async fn within_unblocked<T>(
    status: &ConnectionStatus,
    limit: Duration,
    patient: bool,
    doing: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(doing);
    let mut deadline = Instant::now() + limit;
    loop {
        match tokio::time::timeout(BLOCKED_CHECK, &mut doing).await {
            Ok(done) => return Some(done),
            Err(_) if status.blocked() && patient => deadline = Instant::now() + limit,
            Err(_) if status.blocked() || Instant::now() >= deadline => return None,
            Err(_) => {}
        }
    }
}
