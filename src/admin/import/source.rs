//! The bytes of a file on their way to the CSV reader.

use super::format;
use super::quoting::{Fault, Quoting};
use crate::wire;
use std::io::{self, Chain, Cursor, Read};

/// Longest row, in bytes. A quote that is never closed makes the rest of a file one row, which must
/// not be held in memory.
const ROW_MAX_BYTES: u64 = 1 << 20;

/// Ends the last row of a file, and stops a row without an end.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: Chain<Cursor<Vec<u8>>, R>,
    quoting: Quoting,
    read: u64,
    allowed: u64,
    ends: u8,
}

impl<R: Read> Source<R> {
    /// # Errors
    /// When it cannot be read, or is something else than CSV in UTF-8.
    pub(super) fn new(mut inner: R) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        (&mut inner).take(format::HEAD_BYTES as u64).read_to_end(&mut head)?;
        if let Some(other) = format::other_than_csv(&head) {
            anyhow::bail!(other);
        }
        let inner = Cursor::new(wire::without_bom(&head).to_vec()).chain(inner);
        Ok(Self { inner, quoting: Quoting::new(), read: 0, allowed: ROW_MAX_BYTES, ends: 0 })
    }
}

impl<R> Source<R> {
    /// A row begins at this byte.
    pub(super) fn row_at(&mut self, byte: u64) {
        self.allowed = byte + ROW_MAX_BYTES;
    }

    /// Whether the reader went on past the line end that was put behind the file: then it was
    /// inside a quote.
    pub(super) fn is_quote_open(&self) -> bool {
        self.ends > 1
    }

    /// What is wrong with the quotes of the row that ends before this byte.
    pub(super) fn fault_before(&mut self, byte: u64) -> Option<Fault> {
        self.quoting.fault_before(byte)
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.allowed {
            return Err(io::Error::other("the row is longer than 1 MiB: is a quote left open?"));
        }
        let n = self.inner.read(buffer)?;
        self.read += n as u64;
        self.quoting.scan(&buffer[..n]);
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
