//! The bytes of a file on their way to the CSV reader.

use std::io::{self, Read};

/// Longest row, in bytes. A quote that is never closed makes the rest of a file one row, which must
/// not be held in memory.
const ROW_MAX_BYTES: u64 = 1 << 20;

/// Ends the last row of a file, and stops a row without an end.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: R,
    read: u64,
    allowed: u64,
    ends: u8,
}

impl<R> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, read: 0, allowed: ROW_MAX_BYTES, ends: 0 }
    }

    /// A row begins at this byte.
    pub(super) fn row_at(&mut self, byte: u64) {
        self.allowed = byte + ROW_MAX_BYTES;
    }

    /// Whether the reader went on past the line end that was put behind the file: then it was
    /// inside a quote.
    pub(super) fn is_quote_open(&self) -> bool {
        self.ends > 1
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.allowed {
            return Err(io::Error::other("the row is longer than 1 MiB: is a quote left open?"));
        }
        let n = self.inner.read(buffer)?;
        self.read += n as u64;
        if n > 0 || buffer.is_empty() {
            return Ok(n);
        }
        self.ends = self.ends.saturating_add(1);
        if self.ends > 1 {
            return Ok(0);
        }
        buffer[0] = b'\n';
        Ok(1)
    }
}
