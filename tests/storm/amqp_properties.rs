//! Properties of a message as a publisher may set them, forged ones among them.

use crate::odd::{bytes, name, one_in, pick, short, text};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};
use rand::RngExt as _;
use rand::rngs::StdRng;

pub fn any(rng: &mut StdRng) -> BasicProperties {
    let mut properties = BasicProperties::default();
    if one_in(rng, 2) {
        return properties.with_delivery_mode(2);
    }
    type Set = fn(BasicProperties, &mut StdRng) -> BasicProperties;
    // What the broker itself refuses can't come: a text as expiration, somebody else's user id.
    let setters: [Set; 12] = [
        |p, rng| p.with_message_id(short(rng).into()),
        |p, rng| p.with_correlation_id(short(rng).into()),
        |p, rng| p.with_reply_to(reply_to(rng).into()),
        |p, rng| p.with_type(short(rng).into()),
        |p, rng| p.with_content_type(short(rng).into()),
        |p, rng| {
            p.with_content_encoding(
                name(rng, &["gzip", "utf-8", ""]).chars().take(60).collect::<String>().into(),
            )
        },
        |p, rng| p.with_priority(rng.random()),
        |p, rng| p.with_expiration(pick(rng, &["0", "1", "1000", "86400000"]).into()),
        |p, rng| p.with_timestamp(rng.random()),
        |p, rng| p.with_app_id(short(rng).into()),
        |p, rng| p.with_delivery_mode(rng.random_range(1..=2)),
        |p, rng| p.with_headers(headers(rng)),
    ];
    for set in setters {
        if one_in(rng, 3) {
            properties = set(properties, rng);
        }
    }
    survivable(properties)
}

/// RabbitMQ 3.10 reads a forged `x-death` only when it dead-letters the message itself, such as one
/// that has expired; what is no death in there ends its dead-lettering for all queues of the node.
fn survivable(properties: BasicProperties) -> BasicProperties {
    let headers = properties.headers().as_ref();
    if headers.is_some_and(|headers| headers.inner().contains_key("x-death")) {
        return properties.with_expiration("86400000".into());
    }
    properties
}

fn reply_to(rng: &mut StdRng) -> String {
    match rng.random_range(0..300) {
        0 => format!(
            "amq.rabbitmq.reply-to.{}.{}",
            pick(rng, &["g2dk", "@", ""]),
            pick(rng, &["x", "é.z"])
        ),
        1..100 => "redeem.reply.storm".to_owned(),
        100..200 => format!("redeem.reply.{}", short(rng).chars().take(50).collect::<String>()),
        _ => match short(rng) {
            // The broker answers this one itself, with an error.
            direct if direct == "amq.rabbitmq.reply-to" => String::new(),
            other => other,
        },
    }
}

fn headers(rng: &mut StdRng) -> FieldTable {
    let mut headers = table(rng, 3);
    let count = |rng: &mut StdRng| match rng.random_range(0..4) {
        0 => AMQPValue::LongLongInt(pick_of(rng, &[i64::MAX, i64::MIN, -1, 0, 20, 21, 1_000])),
        1 => AMQPValue::LongInt(rng.random()),
        2 => AMQPValue::ShortShortInt(rng.random()),
        _ => value(rng, 2),
    };
    for (name, odds) in [("x-delivery-count", 4), ("x-redeemq-attempts", 8), ("x-replayed", 8)] {
        if one_in(rng, odds) {
            headers.insert(name.into(), count(rng));
        }
    }
    if one_in(rng, 6) {
        let deaths = match rng.random() {
            true => AMQPValue::FieldArray(FieldArray::from(vec![death(rng), value(rng, 2)])),
            false => value(rng, 2),
        };
        headers.insert("x-death".into(), deaths);
    }
    if one_in(rng, 3) {
        let trace = match rng.random_range(0..10) {
            0..4 => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            4..9 => text(rng),
            _ => "x".repeat(rng.random_range(0..3_000)),
        };
        headers.insert("traceparent".into(), AMQPValue::LongString(trace.into()));
    }
    if one_in(rng, 500) {
        let large = bytes(rng, 100_000);
        headers.insert(
            pick(rng, &["large", "traceparent"]).into(),
            AMQPValue::LongString(large.into()),
        );
    }
    headers
}

fn pick_of(rng: &mut StdRng, list: &[i64]) -> i64 {
    list[rng.random_range(0..list.len())]
}

/// A death in somebody else's queue.
fn death(rng: &mut StdRng) -> AMQPValue {
    let mut death = table(rng, 1);
    for (name, text) in [("reason", "delivery_limit"), ("queue", "orders"), ("exchange", "")] {
        death.insert(name.into(), AMQPValue::LongString(text.into()));
    }
    AMQPValue::FieldTable(death)
}

fn table(rng: &mut StdRng, depth: u32) -> FieldTable {
    let mut table = FieldTable::default();
    for _ in 0..rng.random_range(0..4) {
        // These two route: a broker refuses a message over what it can't read in them.
        let name = short(rng);
        if !["CC", "BCC"].contains(&name.as_str()) {
            table.insert(name.into(), value(rng, depth));
        }
    }
    table
}

fn value(rng: &mut StdRng, depth: u32) -> AMQPValue {
    match rng.random_range(0..if depth == 0 { 13 } else { 15 }) {
        0 => AMQPValue::Boolean(rng.random()),
        1 => AMQPValue::ShortShortInt(rng.random()),
        2 => AMQPValue::ShortShortUInt(rng.random()),
        3 => AMQPValue::ShortInt(rng.random()),
        4 => AMQPValue::ShortUInt(rng.random()),
        5 => AMQPValue::LongInt(rng.random()),
        6 => AMQPValue::LongUInt(rng.random()),
        7 => AMQPValue::LongLongInt(rng.random()),
        8 => AMQPValue::Timestamp(rng.random()),
        9 => AMQPValue::DecimalValue(DecimalValue { scale: rng.random(), value: rng.random() }),
        10 => AMQPValue::Double(rng.random_range(-1e300..1e300)),
        11 => AMQPValue::LongString(bytes(rng, 40).into()),
        12 => match rng.random() {
            true => AMQPValue::Void,
            false => AMQPValue::ByteArray(bytes(rng, 40).into()),
        },
        13 => AMQPValue::FieldTable(table(rng, depth - 1)),
        _ => {
            let values: Vec<AMQPValue> =
                (0..rng.random_range(0..4)).map(|_| value(rng, depth - 1)).collect();
            AMQPValue::FieldArray(values.into())
        }
    }
}
