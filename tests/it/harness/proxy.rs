//! A line to a server that can be cut: while it is, connections are dropped and new ones refused.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    is_up: watch::Sender<bool>,
    /// The server's URL, by way of this proxy.
    pub url: String,
}

impl Proxy {
    /// In front of the server that a URL names.
    pub async fn before(url: &str) -> Self {
        let (head, tail) = match url.rsplit_once('@') {
            Some((head, tail)) => (format!("{head}@"), tail),
            None => {
                let (scheme, tail) = url.split_once("://").expect("a URL");
                (format!("{scheme}://"), tail)
            }
        };
        let (server, path) = tail.split_once('/').expect("a URL with a path");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (is_up, watching) = watch::channel(true);
        tokio::spawn(accept(listener, server.to_owned(), watching));
        Self { is_up, url: format!("{head}127.0.0.1:{port}/{path}") }
    }

    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_up.send_replace(true);
    }
}

async fn accept(listener: TcpListener, server: String, is_up: watch::Receiver<bool>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (server, mut is_up) = (server.clone(), is_up.clone());
        tokio::spawn(async move {
            if !*is_up.borrow_and_update() {
                return;
            }
            let Ok(mut far) = TcpStream::connect(&server).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = is_up.wait_for(|is_up| !is_up) => {}
            }
        });
    }
}
