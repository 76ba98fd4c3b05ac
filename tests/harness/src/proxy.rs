//! A line to a server, and what can happen to it.

use super::frames::Frames;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Longest wait until somebody sends into a lost line.
const LOSS_MAX: Duration = Duration::from_secs(30);

/// The state of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Up,
    /// Connections are dropped, and new ones too: nobody stands behind the load balancer.
    Cut,
    /// Connections are dropped, and nobody listens for new ones: the server is down.
    Refused,
    /// Nothing moves, and nobody is told: the network lost its way.
    Frozen,
    /// What the server says is lost; what it is told arrives.
    Deaf,
    /// What the server is told is lost; what it says arrives.
    Mute,
}

pub struct Proxy {
    line: watch::Sender<Line>,
    /// How long each piece takes on its way.
    delay: watch::Sender<Duration>,
    /// Counts the losses: connections from before the last one stay silent for ever.
    losses: watch::Sender<u32>,
    /// Counts the breaks: connections from before the last one are gone.
    breaks: watch::Sender<u32>,
    /// Bytes lost one way or the other.
    lost: watch::Sender<usize>,
    exceptions: Arc<AtomicUsize>,
    /// The server's URL, by way of this proxy.
    pub url: String,
}

impl Proxy {
    /// In front of the server that a URL names.
    pub async fn before(url: &str) -> Self {
        Self::open(url, None).await
    }

    /// The same, and one word becomes another of the same length, either way.
    #[allow(dead_code, reason = "the campaign shares this file and needs no such line")]
    pub async fn translating(url: &str, word: &str, to: &str) -> Self {
        assert_eq!(word.len(), to.len(), "lengths are sent before words");
        Self::open(url, Some(Arc::new((word.to_owned(), to.to_owned())))).await
    }

    async fn open(url: &str, words: Option<Words>) -> Self {
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
        let (line, watching) = watch::channel(Line::Up);
        let (losses, losing) = watch::channel(0);
        let (breaks, breaking) = watch::channel(0);
        let (delay, delaying) = watch::channel(Duration::ZERO);
        let lost = watch::Sender::new(0);
        let exceptions = Arc::<AtomicUsize>::default();
        tokio::spawn(accept(
            listener,
            server.to_owned(),
            Way {
                line: watching,
                delay: delaying,
                breaks: breaking,
                lost: lost.clone(),
                exceptions: Arc::clone(&exceptions),
                words,
            },
            losing,
        ));
        let url = format!("{head}127.0.0.1:{port}/{path}");
        Self { line, delay, losses, breaks, lost, exceptions, url }
    }

    /// Connections are dropped, and new ones as soon as they are accepted.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Connections are dropped, and new ones refused.
    pub fn refuse(&self) {
        self.line.send_replace(Line::Refused);
    }

    /// Nothing goes through, and nobody is told.
    pub fn freeze(&self) {
        self.line.send_replace(Line::Frozen);
    }

    /// What the server says is lost from now on, while what it is told arrives.
    pub fn deafen(&self) {
        self.line.send_replace(Line::Deaf);
    }

    /// What the server is told is lost from now on, while what it says arrives.
    pub fn mute(&self) {
        self.line.send_replace(Line::Mute);
    }

    /// Waits until something has been lost that way.
    pub async fn until_lost(&self) {
        let mut lost = self.lost.subscribe();
        let waiting = tokio::time::timeout(LOSS_MAX, lost.wait_for(|lost| *lost > 0)).await;
        waiting.expect("nothing was said in time").expect("the proxy");
    }

    /// How many channels the server, a broker, has closed by itself so far: one for each call that it refused.
    pub fn channel_exceptions(&self) -> usize {
        self.exceptions.load(Ordering::Relaxed)
    }

    /// Each piece takes so much longer, either way.
    pub fn delay(&self, by: Duration) {
        self.delay.send_replace(by);
    }

    /// As before: a frozen connection goes on where it stopped.
    pub fn mend(&self) {
        self.line.send_replace(Line::Up);
    }

    /// The connections there are break, as after a restart; new ones work.
    pub fn break_off(&self) {
        self.mend();
        self.breaks.send_modify(|breaks| *breaks += 1);
    }

    /// The connections there are lead nowhere from now on, as after a failover; new ones work.
    pub fn lose(&self) {
        self.losses.send_modify(|losses| *losses += 1);
        self.mend();
    }
}

type Words = Arc<(String, String)>;

/// What a connection watches while it carries.
#[derive(Clone)]
struct Way {
    line: watch::Receiver<Line>,
    delay: watch::Receiver<Duration>,
    breaks: watch::Receiver<u32>,
    lost: watch::Sender<usize>,
    exceptions: Arc<AtomicUsize>,
    words: Option<Words>,
}

async fn accept(
    mut listener: TcpListener,
    server: String,
    mut way: Way,
    losses: watch::Receiver<u32>,
) {
    loop {
        let near = tokio::select! {
            accepted = listener.accept() => accepted.map(|(near, _)| near).ok(),
            refusing = way.line.wait_for(|line| *line == Line::Refused) => {
                if refusing.is_err() { return }
                None
            }
        };
        if let Some(near) = near {
            tokio::spawn(connect(near, server.clone(), way.clone(), losses.clone()));
        } else {
            let address = listener.local_addr().expect("an address");
            drop(listener);
            let _ = way.line.wait_for(|line| *line != Line::Refused).await;
            listener = TcpListener::bind(address).await.expect("the same port");
        }
    }
}

async fn connect(mut near: TcpStream, server: String, way: Way, mut losses: watch::Receiver<u32>) {
    let mut line = way.line.clone();
    let mut breaks = way.breaks.clone();
    let (born, whole) = (*losses.borrow_and_update(), *breaks.borrow_and_update());
    if line.wait_for(|line| *line != Line::Frozen).await.is_err() || *line.borrow() == Line::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(&server).await else { return };
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let mut cutting = line;
    let moving = async {
        tokio::select! {
            () = carry(&mut near_in, &mut far_out, way.clone(), Line::Mute) => {}
            () = carry(&mut far_in, &mut near_out, way.clone(), Line::Deaf) => {}
            _ = cutting.wait_for(|line| matches!(line, Line::Cut | Line::Refused)) => {}
            _ = breaks.wait_for(|breaks| *breaks > whole) => {}
        }
    };
    let lost = tokio::select! {
        // First: a line that is lost is mended at once, and what waited in it must not get through.
        biased;
        lost = losses.wait_for(|losses| *losses > born) => lost.is_ok(),
        () = moving => false,
    };
    if lost {
        drop(far);
        // Held open for as long as the proxy: the near side hears nothing more.
        let _ = losses.wait_for(|_| false).await;
    }
}

async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    Way { mut line, delay, lost, exceptions, words, .. }: Way,
    losing: Line,
) {
    let mut frames = (losing == Line::Deaf).then(Frames::default);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if let Some(frames) = &mut frames {
            let closed = frames.closed_channels(&buffer[..length]);
            exceptions.fetch_add(closed, Ordering::Relaxed);
        }
        if let Some(words) = &words {
            translate(&mut buffer[..length], words.0.as_bytes(), words.1.as_bytes());
        }
        let by = *delay.borrow();
        if !by.is_zero() {
            tokio::time::sleep(by).await;
        }
        let Ok(line) = line.wait_for(|line| *line != Line::Frozen).await.map(|line| *line) else {
            return;
        };
        if line == losing {
            lost.send_modify(|lost| *lost += length);
        } else if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

fn translate(text: &mut [u8], word: &[u8], to: &[u8]) {
    for start in 0..(text.len() + 1).saturating_sub(word.len()) {
        if text[start..].starts_with(word) {
            text[start..start + to.len()].copy_from_slice(to);
        }
    }
}
