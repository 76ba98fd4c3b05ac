//! A line to the front door over which anything can be sent, HTTP or not, many requests at once.

use harness::PATIENCE;
use serde_json::Value;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub struct Line {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One answer, as far as this line reads it.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Line {
    pub async fn open(base: &str) -> Self {
        let address = base.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("the front door");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, unread: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be sent.
    pub async fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The next answer, past those that only say to go on.
    ///
    /// # Errors
    /// When the server hangs up before it.
    pub async fn reply(&mut self, head_only: bool) -> io::Result<Reply> {
        let reading = async {
            loop {
                let reply = self.read(head_only).await?;
                if reply.status >= 200 {
                    return Ok(reply);
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("no answer in {PATIENCE:?}"))
    }

    async fn read(&mut self, head_only: bool) -> io::Result<Reply> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let length: usize = if head_only { 0 } else { length.unwrap_or(0) };
        while self.unread.len() < end + length {
            self.more().await?;
        }
        let body = self.unread[end..end + length].to_vec();
        self.unread.drain(..end + length);
        Ok(Reply { status, head, body })
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}
