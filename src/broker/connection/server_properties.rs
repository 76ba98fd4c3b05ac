//! The broker's greeting: its product and version. The client library reads that and keeps it to itself,
//! so it is asked for on a connection that goes no further.

use crate::broker::error::Result;
use crate::broker::short_string::short_string;
use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use lapin::tcp::{AMQPUriTcpExt as _, TLSConfig};
use lapin::types::{AMQPValue, FieldTable, parsing::parse_field_table};
use lapin::uri::AMQPUri;
use std::io::{Error, ErrorKind};

/// A client opens the conversation with this; the broker answers with connection.start.
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Bytes of a frame's type, channel and length.
const FRAME_HEADER: usize = 7;
/// Bytes of class, method and protocol version, before the server's properties.
const METHOD_HEADER: usize = 6;
/// Greetings have some 500 bytes; what sends more is no broker.
const GREETING_MAX: usize = 64 * 1024;

/// What a broker says of itself; empty where it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProperties {
    /// `RabbitMQ`, or another product that speaks AMQP.
    pub product: String,
    /// As in `3.10.8`.
    pub version: String,
}

/// Connects and reads one greeting, without a time limit.
pub(super) async fn greet(address: &AMQPUri) -> Result<ServerProperties, Error> {
    let runtime = lapin::runtime::default_runtime().map_err(Error::other)?;
    let mut stream = address.connect_with_config_async(TLSConfig::default(), &runtime).await?;
    stream.write_all(PROTOCOL_HEADER).await?;
    stream.flush().await?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await?;
    let length = u32::from_be_bytes([header[3], header[4], header[5], header[6]]) as usize;
    if !(METHOD_HEADER..=GREETING_MAX).contains(&length) {
        return Err(not_amqp());
    }
    let mut method = vec![0; length];
    stream.read_exact(&mut method).await?;
    let (_, properties) = parse_field_table(&method[METHOD_HEADER..]).map_err(|_| not_amqp())?;
    let (product, version) = (text(&properties, "product"), text(&properties, "version"));
    Ok(ServerProperties { product, version })
}

fn not_amqp() -> Error {
    Error::new(ErrorKind::InvalidData, "what answers there does not speak AMQP 0-9-1")
}

fn text(properties: &FieldTable, name: &str) -> String {
    match properties.inner().get(&short_string(name)) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => String::new(),
    }
}
