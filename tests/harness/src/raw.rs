//! A caller who speaks HTTP badly: byte by byte, or not at all.

use super::PATIENCE;
use super::process::Process;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub struct Raw {
    stream: TcpStream,
    begun: Instant,
}

impl Raw {
    /// Connects, and says nothing.
    pub async fn to(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self { stream, begun: Instant::now() }
    }

    /// The same from another address of this machine, such as 127.0.0.2.
    pub async fn from(local: IpAddr, url: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(local, 0)).expect("its address");
        let address = url.trim_start_matches("http://").parse().expect("an address");
        let stream = socket.connect(address).await.expect("a connection");
        Self { stream, begun: Instant::now() }
    }

    /// Connects and asks once, so that it is known to be well-behaved so far.
    pub async fn known_to(process: &Process) -> Self {
        let mut raw = Self::to(&process.http).await;
        raw.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(raw.answer().await.starts_with("HTTP/1.1 200"));
        raw.begun = Instant::now();
        raw
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("sent");
    }

    /// Sends without reading until the other side has had enough.
    pub async fn send_for_ever(&mut self, text: &str) {
        let sending = async { while self.stream.write_all(text.as_bytes()).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, sending).await.expect("cut off");
    }

    /// Sends a byte now and then until cut off; what was answered, and after which time.
    pub async fn drip(mut self, byte: &str) -> (String, Duration) {
        let (mut reading, mut writing) = self.stream.split();
        let dripping = async {
            while writing.write_all(byte.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            // The end of the reading side tells.
            std::future::pending::<()>().await;
        };
        let mut answer = Vec::new();
        let reading = async {
            // A reset is an end as well.
            let _ = reading.read_to_end(&mut answer).await;
        };
        let ended = async {
            tokio::select! { () = dripping => {}, () = reading => {} }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("cut off");
        (String::from_utf8_lossy(&answer).into_owned(), self.begun.elapsed())
    }

    /// Waits for the end; what was answered, and after which time.
    pub async fn until_closed(mut self) -> (String, Duration) {
        let mut answer = Vec::new();
        let reading = self.stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(PATIENCE, reading).await.expect("closed");
        (String::from_utf8_lossy(&answer).into_owned(), self.begun.elapsed())
    }

    /// One answer, with as much of its body as its length says.
    pub async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let reading = async {
            while !is_whole(&String::from_utf8_lossy(&answer)) {
                let read = self.stream.read_buf(&mut answer).await.expect("an answer");
                assert!(read > 0, "closed after {}", String::from_utf8_lossy(&answer));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().split_once("content-length: ").map(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().expect("a length")
    });
    body.len() >= length.unwrap_or(0)
}
