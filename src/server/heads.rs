//! Line ends of request heads, looked at as the bytes come in.
//!
//! hyper takes a bare LF for the end of a line, as HTTP allows it to. A proxy that does not would see another
//! request than we do in the same bytes. So a bare LF of a head becomes a NUL here, which hyper answers with 400.
//! Where a head ends and the next begins follows from Content-Length and chunks. hyper alone decides what a request
//! is: were the two of different minds, this would refuse too much or too little, and let nothing else through.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much of a line is kept: no header that tells a body's length is longer.
const LINE_MAX: usize = 256;
/// Ends a head whose sender may wait for the answer before it ends it: hyper judges whole heads.
const END: &[u8] = b"\r\n\r\n";

/// A stream whose reader sees no bare LF in a head.
pub(super) struct Heads<S> {
    stream: S,
    at: At,
    line: Line,
    owes_end: bool,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Head {
        has_begun: bool,
        body: Body,
    },
    Data {
        left: u64,
        then: Then,
    },
    ChunkSize,
    Trailer,
    /// A bare LF was there, or framing that hyper refuses.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Sized(u64),
    Chunked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Head,
    ChunkSize,
}

/// A line so far, without its end.
#[derive(Default)]
struct Line {
    begin: Vec<u8>,
    last: Option<u8>,
}

const NEXT: At = At::Head { has_begun: false, body: Body::Sized(0) };

impl<S> Heads<S> {
    pub(super) fn of(stream: S) -> Self {
        Self { stream, at: NEXT, line: Line::default(), owes_end: false }
    }

    fn check(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() && self.at != At::Refused {
            let taken = self.step(bytes);
            bytes = &mut bytes[taken..];
        }
    }

    /// How many bytes it has looked at, which is not none.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        if let At::Data { left, then } = self.at {
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            self.at = match (left - taken as u64, then) {
                (0, Then::Head) => NEXT,
                (0, Then::ChunkSize) => At::ChunkSize,
                (left, then) => At::Data { left, then },
            };
            return taken;
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.push(bytes);
            return bytes.len();
        };
        self.line.push(&bytes[..end]);
        let line = &self.line.begin;
        self.at = if self.line.last == Some(b'\r') {
            self.at.after(line.strip_suffix(b"\r").unwrap_or(line))
        } else {
            bytes[end] = 0;
            self.owes_end = true;
            At::Refused
        };
        self.line.clear();
        end + 1
    }
}

impl Line {
    fn clear(&mut self) {
        self.begin.clear();
        self.last = None;
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = LINE_MAX - self.begin.len();
        self.begin.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.last = bytes.last().copied().or(self.last);
    }
}

impl At {
    /// What comes after this line.
    fn after(self, line: &[u8]) -> Self {
        match self {
            // Before the request's own line, empty ones are skipped.
            At::Head { has_begun: false, body } => At::Head { has_begun: !line.is_empty(), body },
            At::Head { body: Body::Sized(0), .. } if line.is_empty() => NEXT,
            At::Head { body: Body::Sized(left), .. } if line.is_empty() => {
                At::Data { left, then: Then::Head }
            }
            At::Head { body: Body::Chunked, .. } if line.is_empty() => At::ChunkSize,
            At::Head { has_begun, body } => At::Head { has_begun, body: body.told_by(line) },
            At::ChunkSize => match chunk_size(line) {
                Some(0) => At::Trailer,
                // Its data, and their line end.
                Some(size) => At::Data { left: size.saturating_add(2), then: Then::ChunkSize },
                None => At::Refused,
            },
            At::Trailer if line.is_empty() => NEXT,
            At::Trailer | At::Data { .. } | At::Refused => self,
        }
    }
}

impl Body {
    /// Chunks go before a length, in whichever order they are told.
    fn told_by(self, header: &[u8]) -> Self {
        let Some((name, value)) = std::str::from_utf8(header).ok().and_then(|h| h.split_once(':'))
        else {
            return self;
        };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Body::Chunked;
        }
        match value.trim().parse() {
            Ok(length) if self != Body::Chunked && name.eq_ignore_ascii_case("content-length") => {
                Body::Sized(length)
            }
            _ => self,
        }
    }
}

/// Without the extensions behind it.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let size = line.split([';', ' ', '\t']).next()?;
    u64::from_str_radix(size, 16).ok()
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.owes_end && buffer.remaining() >= END.len() {
            self.owes_end = false;
            buffer.put_slice(END);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.check(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
