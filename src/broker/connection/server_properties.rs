//! What a broker says of itself when greeted: its product and version. The client library reads that
//! and keeps it to itself, so it is asked for on a connection that goes no further.

use crate::broker::error::Result;
use crate::broker::short_string::own;
use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use lapin::tcp::{AMQPUriTcpExt as _, TLSConfig};
use lapin::types::{AMQPValue, FieldTable, parsing::parse_field_table};
use lapin::uri::AMQPUri;
use std::io::{Error, ErrorKind};

/// With this a client opens the conversation; the broker answers with its own greeting.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Kind of frame, channel, length.
const FRAME_HEAD: usize = 7;
/// Class, method, and version of the protocol, before the properties of the server.
const METHOD_HEAD: usize = 6;
/// Greetings have some 500 bytes; whoever sends more is no broker.
const GREETING_MAX: usize = 64 * 1024;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProperties {
    /// `RabbitMQ`, or another product that speaks AMQP.
    pub product: String,
    /// As in `3.10.8`.
    pub version: String,
}

/// Greets once.
pub(in crate::broker) async fn greet(address: &AMQPUri) -> Result<ServerProperties, Error> {
    let runtime = lapin::runtime::default_runtime().map_err(Error::other)?;
    let mut line = address.connect_with_config_async(TLSConfig::default(), &runtime).await?;
    line.write_all(HEADER).await?;
    line.flush().await?;
    let mut head = [0; FRAME_HEAD];
    line.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    if !(METHOD_HEAD..=GREETING_MAX).contains(&length) {
        return Err(no_broker());
    }
    let mut method = vec![0; length];
    line.read_exact(&mut method).await?;
    let (_, properties) = parse_field_table(&method[METHOD_HEAD..]).map_err(|_| no_broker())?;
    let (product, version) = (text(&properties, "product"), text(&properties, "version"));
    Ok(ServerProperties { product, version })
}

fn no_broker() -> Error {
    Error::new(ErrorKind::InvalidData, "what answers speaks no AMQP")
}

fn text(properties: &FieldTable, name: &str) -> String {
    match properties.inner().get(&own(name)) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => String::new(),
    }
}
