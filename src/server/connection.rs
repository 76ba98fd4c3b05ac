//! One connection, and how long its caller may take.
//!
//! | the caller | may take | else |
//! |---|---|---|
//! | sends the first request's line and headers | [`FIRST_HEAD_MAX`] | is disconnected |
//! | sends those of the next one, including the pause before | the idle limit | is disconnected |
//! | sends a body | what its reader allows | gets a response, and is disconnected |
//! | reads a response | [`UNREAD_MAX`] without a byte | is disconnected |
//!
//! The next request's headers need no limit of their own: sending them slowly holds no more than being idle.

use super::heads::Heads;
use super::{host, path};
use axum::Router;
use axum::http::{HeaderValue, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

/// Longest time to the end of the first request's headers.
pub const FIRST_HEAD_MAX: Duration = Duration::from_secs(10);
/// Longest time without a byte read while a response waits.
pub const UNREAD_MAX: Duration = Duration::from_secs(10);
/// Most bytes in request line and headers; more get 431, as do more than 100 headers.
pub const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Most bytes of pipelined requests that are buffered.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// Who is at the other end of a connection; an extension of each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// How long a caller may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    first_head_max: Duration,
    idle_max: Duration,
    may_stay: bool,
}

impl ConnectionLimits {
    pub(super) fn usual(idle_max: Duration) -> Self {
        Self { first_head_max: FIRST_HEAD_MAX.min(idle_max), idle_max, may_stay: true }
    }

    /// One request, which is refused: all places are taken.
    pub(super) fn refusal(time: Duration) -> Self {
        Self { first_head_max: time, idle_max: time, may_stay: false }
    }
}

/// Why a connection was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The first request did not come, or not completely.
    NoRequest,
    Idle,
    /// A response was not read.
    Unread,
}

impl Cut {
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::NoRequest => "no_request",
            Cut::Idle => "idle",
            Cut::Unread => "unread",
        }
    }
}

/// Serves one connection to its end. When told to stop, it ends with the answer that is under way. `malformed`
/// answers what is no request of HTTP, as far as that is ours to judge, and the connection ends with that.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    malformed: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) -> Option<Cut> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(UNREAD_MAX));
    let has_asked = Arc::new(AtomicBool::new(false));
    let asking = Arc::clone(&has_asked);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        asking.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        path::tidy(request.uri_mut());
        let is_sound = host::is_as_it_must_be(request.version(), request.headers());
        let mut router = if is_sound { router.clone() } else { malformed.clone() };
        let answering = router.call(request);
        async move {
            let mut response = answering.await?;
            if !is_sound {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle_max)
            .max_header_size(HEAD_MAX_BYTES)
            .max_buf_size(BUFFER_MAX_BYTES)
            .keep_alive(limits.may_stay)
            .serve_connection(TokioIo::new(Heads::of(Box::pin(stream))), service)
    );
    let mut first_head = pin!(tokio::time::sleep(limits.first_head_max));
    let (mut first_is_due, mut stopping) = (true, false);
    loop {
        tokio::select! {
            served = serving.as_mut() => {
                let asked = has_asked.load(Ordering::Relaxed);
                return served.err().and_then(|error| why(&error, asked));
            }
            () = first_head.as_mut(), if first_is_due => {
                if !has_asked.load(Ordering::Relaxed) {
                    return Some(Cut::NoRequest);
                }
                first_is_due = false;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A caller that hangs up half-way is no fault.
fn why(error: &hyper::Error, has_asked: bool) -> Option<Cut> {
    if is_unread(error) {
        return Some(Cut::Unread);
    }
    error.is_timeout().then_some(if has_asked { Cut::Idle } else { Cut::NoRequest })
}

fn is_unread(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
}
