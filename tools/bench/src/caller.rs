//! A lean HTTP client: bytes made before, a connection kept, and no more read of an answer than its
//! status and its length. The load must not cost more than what it measures.

use anyhow::{Context as _, bail, ensure};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests that a connection sends in turns.
const VARIANTS: usize = 64;

/// One connection.
pub struct Caller {
    stream: TcpStream,
    requests: Vec<Vec<u8>>,
    next: usize,
    buffer: Vec<u8>,
}

/// What every request has.
#[derive(Debug, Clone)]
pub struct Asking {
    pub address: SocketAddr,
    pub token: String,
    /// `Prefer: wait`, in seconds.
    pub wait: Option<u32>,
}

impl Caller {
    /// Connects, for players who are drawn by `player`.
    pub async fn open(asking: &Asking, mut player: impl FnMut() -> u32) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(asking.address).await?;
        stream.set_nodelay(true)?;
        let requests = (0..VARIANTS).map(|_| request(asking, player())).collect();
        Ok(Self { stream, requests, next: 0, buffer: vec![0; 16 * 1024] })
    }

    /// Asks once; the status of the answer, and whether it tells of a success.
    pub async fn ask(&mut self) -> anyhow::Result<(u16, bool)> {
        self.next = (self.next + 1) % self.requests.len();
        self.stream.write_all(&self.requests[self.next]).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the ingress closed the connection");
            filled += read;
            if let Some(answer) = parse(&self.buffer[..filled])? {
                return Ok(answer);
            }
            ensure!(filled < self.buffer.len(), "an answer is too long");
        }
    }
}

fn request(asking: &Asking, player: u32) -> Vec<u8> {
    let body = format!(r#"{{"goods_id":"cola","player_id":"player-{player}","amount":1}}"#);
    let prefer = asking.wait.map_or(String::new(), |wait| format!("Prefer: wait={wait}\r\n"));
    format!(
        "POST /Redeem/sponsor HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{prefer}Content-Length: {}\r\n\r\n{body}",
        asking.token,
        body.len()
    )
    .into_bytes()
}

/// None while it is not all there.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<(u16, bool)>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?.to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).context("a status")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let Some(length) = length else { bail!("an answer without its length: {head}") };
    let body = &bytes[end + 4..];
    if body.len() < length.trim().parse::<usize>()? {
        return Ok(None);
    }
    Ok(Some((status, find(body, br#""error_code":"0000""#).is_some())))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_read_when_it_is_all_there() {
        let answer =
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 21\r\n\r\n{\"error_code\":\"0000\"}";
        assert_eq!(parse(answer).expect("readable"), Some((202, true)));
        assert_eq!(parse(&answer[..answer.len() - 1]).expect("readable"), None);
        assert_eq!(parse(&answer[..20]).expect("readable"), None);
    }

    #[test]
    fn a_refusal_is_told_apart() {
        let answer = b"HTTP/1.1 429 x\r\ncontent-length: 21\r\n\r\n{\"error_code\":\"0901\"}";
        assert_eq!(parse(answer).expect("readable"), Some((429, false)));
    }
}
