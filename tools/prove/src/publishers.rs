//! Trusted publishers that write requests to the broker themselves: in windows, in no order, some
//! messages twice; what is not confirmed is published again.

use crate::history::{Job, correlation_of};
use crate::shared_client::SharedClient;
use crate::sites::{Permits, draw};
use crate::world::{CLIENTS, Wish};
use anyhow::{Context as _, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use redeemq::broker::topology;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const WINDOW: usize = 20;
const TIMEOUT: Duration = Duration::from_secs(6);

struct Message {
    job: usize,
    id: String,
    operation: &'static str,
    body: Vec<u8>,
}

/// One publisher; ends when there are no more permits.
pub async fn publisher(shared: Arc<SharedClient>, amqp_url: String, permits: Permits, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut channel = None;
    loop {
        let mut window = Vec::new();
        {
            let mut permits = permits.lock().await;
            if permits.recv().await.is_none() {
                return;
            }
            window.push(message(&shared, &mut rng));
            while window.len() < WINDOW && permits.try_recv().is_ok() {
                window.push(message(&shared, &mut rng));
            }
        }
        window.shuffle(&mut rng);
        while let Err(_fault) = publish(&shared, &amqp_url, &mut channel, &window, &mut rng).await {
            channel = None;
            for message in &window {
                shared.history().jobs[message.job].was_unknown = true;
            }
            tokio::time::sleep(Duration::from_millis(rng.random_range(100..500))).await;
        }
        let mut history = shared.history();
        for message in &window {
            history.acknowledge(message.job, &message.id);
        }
    }
}

/// A new job. A verification needs a PIN's hash, which only an ingress can make.
fn message(shared: &SharedClient, rng: &mut StdRng) -> Message {
    loop {
        let (client, wish) = draw(shared, rng);
        let Wish::Redeem { goods, .. } = &wish else { continue };
        let operation = goods.operation();
        let id = uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string();
        let body = json!({
            "v": 1, "job_id": id, "client_id": CLIENTS[client], "operation": operation,
            "accepted_at": redeemq::wire::rfc3339(redeemq::wire::now()),
            "params": shared.params(client, &wish),
        });
        let job = shared.history().begin(Job::new(client, wish));
        return Message { job, id, operation, body: body.to_string().into_bytes() };
    }
}

async fn publish(
    shared: &SharedClient,
    amqp_url: &str,
    channel: &mut Option<(Connection, Channel)>,
    window: &[Message],
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    let publishing = async {
        if channel.is_none() {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(amqp_url, properties).await?;
            let opened = connection.create_channel().await?;
            opened.confirm_select(ConfirmSelectOptions::default()).await?;
            *channel = Some((connection, opened));
        }
        let (_, channel) = channel.as_ref().context("a channel")?;
        let mut confirms = Vec::with_capacity(window.len());
        for message in window {
            for _ in 0..if rng.random_bool(0.08) { 2 } else { 1 } {
                shared.history().requests += 1;
                let publishing = channel.basic_publish(
                    topology::REQUESTS.into(),
                    message.operation.into(),
                    BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
                    &message.body,
                    message.properties(),
                );
                confirms.push(publishing.await?);
            }
        }
        for confirm in confirms {
            // A message that came back may be told of at its neighbour's confirm: all go again.
            ensure!(matches!(confirm.await?, Confirmation::Ack(None)), "not taken");
        }
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, publishing).await?
}

impl Message {
    fn properties(&self) -> BasicProperties {
        BasicProperties::default()
            .with_message_id(self.id.as_str().into())
            .with_correlation_id(correlation_of(self.job).into())
            .with_type(self.operation.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
    }
}
