//! Counts what a process asks of Postgres: statements, and the round trips that they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// The code of a request for TLS, which comes before the first message of a session.
const TLS_REQUEST: u32 = 80_877_103;

#[derive(Default)]
struct Asked {
    statements: AtomicI64,
    round_trips: AtomicI64,
}

/// A line to Postgres that is listened to.
pub struct Counter {
    asked: Arc<Asked>,
    /// The server's URL, by way of this.
    pub url: String,
}

impl Counter {
    /// In front of the server that a URL names.
    pub async fn before(url: &str) -> Self {
        let (head, tail) = url.rsplit_once('@').expect("a user");
        let (server, path) = tail.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, server) = (Arc::new(Asked::default()), server.to_owned());
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server");
                tokio::spawn(listen(caller, server, Arc::clone(&counted)));
            }
        });
        Self { asked, url: format!("{head}@127.0.0.1:{port}/{path}") }
    }

    /// Statements executed so far, and round trips waited for, those that prepare a statement aside.
    pub fn so_far(&self) -> (i64, i64) {
        let Asked { statements, round_trips } = &*self.asked;
        (statements.load(Ordering::Relaxed), round_trips.load(Ordering::Relaxed))
    }
}

async fn listen(caller: TcpStream, server: TcpStream, asked: Arc<Asked>) {
    let (from_caller, mut to_caller) = caller.into_split();
    let (mut from_server, to_server) = server.into_split();
    // Until either side hangs up.
    tokio::select! {
        _ = copy(&mut from_server, &mut to_caller) => {}
        _ = pass_on(from_caller, to_server, &asked) => {}
    }
}

async fn pass_on(
    mut caller: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    asked: &Asked,
) -> std::io::Result<()> {
    let mut begun = false;
    loop {
        let message = message(&mut caller, usize::from(begun)).await?;
        server.write_all(&message).await?;
        if !begun {
            begun = !message.ends_with(&TLS_REQUEST.to_be_bytes());
            continue;
        }
        let (statements, round_trips) = match message[0] {
            b'E' => (1, 0),
            b'S' => (0, 1),
            // A statement's first use in a session is preceded by one that prepares it.
            b'P' => (0, -1),
            b'Q' => (1, 1),
            _ => (0, 0),
        };
        asked.statements.fetch_add(statements, Ordering::Relaxed);
        asked.round_trips.fetch_add(round_trips, Ordering::Relaxed);
    }
}

/// One message, whose length stands after so many bytes and counts itself.
async fn message(line: &mut (impl AsyncRead + Unpin), before: usize) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; before + 4];
    line.read_exact(&mut message).await?;
    let length = u32::from_be_bytes(message[before..].try_into().expect("four bytes"));
    message.resize(before + length as usize, 0);
    line.read_exact(&mut message[before + 4..]).await?;
    Ok(message)
}
