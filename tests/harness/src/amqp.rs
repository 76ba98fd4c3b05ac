//! A trusted publisher, and a reader of results.

use super::{PATIENCE, leaks};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicRejectOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Queue};
use redeemq::broker::topology::{self, lanes};
use serde_json::{Value, json};

pub struct Bench {
    site: String,
    connection: Connection,
    channel: Channel,
}

/// A request message.
#[derive(Clone)]
pub struct Request {
    pub body: Vec<u8>,
    pub properties: BasicProperties,
    pub routing_key: &'static str,
}

impl Request {
    /// By the contract, with a fresh UUID.
    pub fn new(client: &str, operation: &'static str, params: &Value) -> Self {
        let job_id = uuid::Uuid::now_v7().to_string();
        let body = json!({
            "v": 1, "job_id": job_id, "client_id": client, "operation": operation,
            "accepted_at": redeemq::wire::rfc3339(redeemq::wire::now()), "params": params,
        });
        let properties = BasicProperties::default()
            .with_message_id(job_id.into())
            .with_delivery_mode(2)
            .with_headers(lanes::contending_for(&format!("{client}/{}", named(params))))
            .with_content_type("application/json".into());
        Self { body: body.to_string().into_bytes(), properties, routing_key: operation }
    }

    /// Bytes that may be no request at all.
    pub fn raw(body: &[u8]) -> Self {
        let properties = BasicProperties::default().with_delivery_mode(2);
        Self { body: body.to_vec(), properties, routing_key: "goods" }
    }

    pub fn job_id(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body["job_id"].as_str().expect("a job id").to_owned()
    }

    /// With a field of the body changed.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body[field] = value;
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn reply_to(mut self, queue: &str) -> Self {
        self.properties = self.properties.with_reply_to(queue.into());
        self
    }

    /// With the header that the broker writes when it dead-letters a message over its limit.
    pub fn dead_by_broker(mut self) -> Self {
        let mut death = FieldTable::default();
        for (name, value) in [("queue", "redeem.requests.spare"), ("reason", "delivery_limit")] {
            death.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        let deaths = AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into());
        let mut headers = self.properties.headers().clone().unwrap_or_default();
        headers.insert("x-death".into(), deaths);
        self.properties = self.properties.with_headers(headers);
        self
    }

    pub fn correlated(mut self, id: &str) -> Self {
        self.properties = self.properties.with_correlation_id(id.into());
        self
    }
}

/// What a request contends for: its goods or its group.
fn named(params: &Value) -> &str {
    let names = ["goods_id", "group", "goods_group"];
    names.iter().find_map(|name| params[*name].as_str()).unwrap_or_default()
}

/// A result as a reader sees it.
#[derive(Debug, Clone)]
pub struct Result {
    pub body: Vec<u8>,
    pub json: Value,
    pub message_id: String,
    pub correlation_id: String,
    pub routing_key: String,
    pub is_replayed: bool,
    pub headers: FieldTable,
}

impl Result {
    fn read(properties: &BasicProperties, routing_key: String, body: Vec<u8>) -> Self {
        let short = |text: &Option<lapin::types::ShortString>| {
            text.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let headers = properties.headers().clone().unwrap_or_default();
        let replayed = headers.inner().get("x-replayed");
        Self {
            json: serde_json::from_slice(&body).unwrap_or_default(),
            message_id: short(properties.message_id()),
            correlation_id: short(properties.correlation_id()),
            routing_key,
            is_replayed: replayed == Some(&AMQPValue::Boolean(true)),
            body,
            headers,
        }
    }

    pub fn code(&self) -> &str {
        self.json["error_code"].as_str().unwrap_or_default()
    }

    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        match self.headers.inner().get(name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            Some(AMQPValue::LongLongInt(number)) => number.to_string(),
            _ => String::new(),
        }
    }
}

/// Reads one queue, without acknowledging.
pub struct Reader {
    site: String,
    deliveries: lapin::Consumer,
}

impl Bench {
    pub async fn open(amqp_url: &str) -> Self {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(amqp_url, properties).await.expect("the broker");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        Self { site: leaks::site_of(amqp_url), connection, channel }
    }

    /// Exchanges and queues as a worker would declare them, for what happens before one runs.
    pub async fn declare(&self) {
        let bytes_max = topology::QUEUE_BYTES_MAX;
        topology::declare(&self.connection, bytes_max).await.expect("exchanges and queues");
    }

    /// Publishes many at once, in this order, and waits for all confirms.
    pub async fn publish_all(&self, requests: &[Request]) {
        let mut confirms = Vec::with_capacity(requests.len());
        for request in requests {
            let publishing = self.channel.basic_publish(
                "redeem.requests".into(),
                request.routing_key.into(),
                BasicPublishOptions::default(),
                &request.body,
                request.properties.clone(),
            );
            confirms.push(publishing.await.expect("published"));
        }
        let confirmed = try_join_all(confirms).await.expect("confirmed");
        assert!(confirmed.iter().all(lapin::Confirmation::is_ack));
    }

    /// Publishes, and waits for the confirm.
    pub async fn publish(&self, request: &Request) {
        self.publish_to("redeem.requests", request).await;
    }

    pub async fn publish_to(&self, exchange: &str, request: &Request) {
        self.publish_by(exchange, request.routing_key, request).await;
    }

    /// Puts it into a queue, whatever that is bound to.
    pub async fn put(&self, queue: &str, request: &Request) {
        self.publish_by("", queue, request).await;
    }

    async fn publish_by(&self, exchange: &str, routing_key: &str, request: &Request) {
        let publishing = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            BasicPublishOptions::default(),
            &request.body,
            request.properties.clone(),
        );
        let confirm = publishing.await.expect("published").await.expect("confirmed");
        assert!(confirm.is_ack());
    }

    /// A queue, bound to the results by a pattern where one is given.
    pub async fn queue(&self, name: &str, pattern: Option<&str>, arguments: &[(&str, AMQPValue)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name.into(), options, table).await.expect("a queue");
        if let Some(pattern) = pattern {
            self.bind(name, "redeem.results", pattern).await;
        }
    }

    pub async fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let options = QueueBindOptions::default();
        let (queue, exchange) = (queue.into(), exchange.into());
        let binding =
            self.channel.queue_bind(queue, exchange, key.into(), options, FieldTable::default());
        binding.await.expect("bound");
    }

    pub async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let (queue, exchange) = (queue.into(), exchange.into());
        let ending = self.channel.queue_unbind(queue, exchange, key.into(), FieldTable::default());
        ending.await.expect("unbound");
    }

    /// Messages that are ready in a queue.
    pub async fn depth(&self, queue: &str) -> u32 {
        self.look_at(queue).await.message_count()
    }

    /// Whether there is a queue of this name.
    pub async fn exists(&self, queue: &str) -> bool {
        let channel = self.connection.create_channel().await.expect("a channel");
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.is_ok()
    }

    pub async fn delete(&self, queue: &str) {
        let deleting = self.channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        deleting.await.expect("deleted");
    }

    /// Consumers that the broker knows of a queue.
    pub async fn consumers(&self, queue: &str) -> u32 {
        self.look_at(queue).await.consumer_count()
    }

    async fn look_at(&self, queue: &str) -> Queue {
        let channel = self.connection.create_channel().await.expect("a channel");
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        let queue = declared.expect("the queue");
        let _ = channel.close(200, "looked".into()).await;
        queue
    }

    /// How often the message in front of a queue was delivered before.
    pub async fn attempts(&self, queue: &str) -> String {
        let getting = self.channel.basic_get(queue.into(), BasicGetOptions::default());
        let message = getting.await.expect("the queue").expect("a message").delivery;
        let properties = message.properties.clone();
        let requeue = BasicNackOptions { requeue: true, multiple: false };
        message.acker.nack(requeue).await.expect("given back");
        Result::read(&properties, String::new(), Vec::new()).header("x-delivery-count")
    }

    /// Takes one message out of a queue, if there is one.
    pub async fn pop(&self, queue: &str) -> Option<Result> {
        let getting = self.channel.basic_get(queue.into(), BasicGetOptions { no_ack: true });
        let message = getting.await.expect("the queue")?.delivery;
        Some(Result::read(&message.properties, message.routing_key.to_string(), message.data))
    }

    /// Moves all that is ready in a queue to another, as a shovel does.
    pub async fn shovel(&self, from: &str, to: &str) {
        let channel = self.connection.create_channel().await.expect("a channel");
        let options = BasicConsumeOptions::default();
        let waiting = self.depth(from).await as usize;
        // A lane knows consumers only.
        let consuming =
            channel.basic_consume(from.into(), "".into(), options, FieldTable::default());
        let mut messages = consuming.await.expect("a consumer").take(waiting);
        while let Some(message) = messages.next().await {
            let Delivery { data: body, properties, acker, .. } = message.expect("a message");
            self.put(to, &Request { body, properties, routing_key: "" }).await;
            acker.ack(BasicAckOptions::default()).await.expect("acked");
        }
        channel.close(200, "moved".into()).await.expect("closed");
    }

    /// Fails at the message in front of a queue that often, as a worker that dies of it does.
    pub async fn fail_at(&self, queue: &str, times: usize) {
        self.fail_at_all(queue, 1, times).await;
    }

    /// The same with all that it holds in hand.
    pub async fn fail_at_all(&self, queue: &str, jobs: usize, times: usize) {
        for _ in 0..times {
            let mut in_hand = Vec::new();
            for _ in 0..jobs {
                // Fetched one by one: a consumer would be sent it once more, and fail once more.
                let getting = self.channel.basic_get(queue.into(), BasicGetOptions::default());
                in_hand.push(getting.await.expect("the queue").expect("a message"));
            }
            for message in in_hand {
                // Not by a nack: from RabbitMQ 4.3 on that is no failure.
                let requeue = BasicRejectOptions { requeue: true };
                message.delivery.acker.reject(requeue).await.expect("given back");
            }
        }
    }

    /// Loses the channel over the messages in front of a queue, as a worker that dies with them in hand
    /// does: every broker counts that, while newer ones count no nack.
    pub async fn lose(&self, queue: &str, messages: usize) {
        let channel = self.connection.create_channel().await.expect("a channel");
        for _ in 0..messages {
            let getting = channel.basic_get(queue.into(), BasicGetOptions::default());
            getting.await.expect("the queue").expect("a message");
        }
        channel.close(200, "lost".into()).await.expect("closed");
    }

    pub async fn read(&self, queue: &str) -> Reader {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming =
            self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        Reader { site: self.site.clone(), deliveries: consuming.await.expect("a consumer") }
    }

    /// A queue with all results, and its reader.
    pub async fn results(&self, pattern: &str) -> Reader {
        let name = format!("results-{}", uuid::Uuid::new_v4());
        self.queue(&name, Some(pattern), &[]).await;
        self.read(&name).await
    }
}

impl Reader {
    /// The next message.
    pub async fn next_of_any_kind(&mut self) -> Result {
        let delivery =
            tokio::time::timeout(PATIENCE, self.deliveries.next()).await.expect("a result in time");
        let delivery = delivery.expect("an open queue").expect("a delivery");
        let routing_key = delivery.routing_key.to_string();
        let result = Result::read(&delivery.properties, routing_key, delivery.data);
        leaks::keep_fields(&self.site, &result.json);
        result
    }

    /// The next result, past the notices of dead jobs.
    pub async fn next(&mut self) -> Result {
        loop {
            let result = self.next_of_any_kind().await;
            if result.json["status"] != "dead" {
                return result;
            }
        }
    }

    /// The next one that answers this request; those of other jobs are passed over.
    pub async fn of(&mut self, request: &Request) -> Result {
        let job_id = request.job_id();
        loop {
            let result = self.next().await;
            if result.message_id == job_id {
                return result;
            }
        }
    }

    /// As many as that, in the order of arrival.
    pub async fn take(&mut self, count: usize) -> Vec<Result> {
        let mut results = Vec::with_capacity(count);
        while results.len() < count {
            results.push(self.next().await);
        }
        results
    }
}
