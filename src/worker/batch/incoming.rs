//! Where batches are gathered from: a consumer of the broker, or a script of a unit test.

use crate::broker::Result;
use crate::broker::consume::consumer::Consumer;
use crate::broker::consume::received::Received;
use std::task::{Context, Poll};

pub(crate) trait Incoming {
    /// The next delivery that has arrived; pending while there is none. An error is its end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received>>;
}

impl Incoming for Consumer {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received>> {
        Consumer::poll_next(self, cx)
    }
}
