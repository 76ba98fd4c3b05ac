//! Faults on purpose: a test makes a process end or freeze after any step of a batch, or while `redeemq
//! top` is on the screen.
//!
//! `REDEEMQ_CRASH=after_commit:abort:3` ends the process without any clean-up when it reaches that point
//! for the third time; `stop` instead of `abort` freezes it until it gets SIGCONT, and `panic` panics.
//! Only debug builds read the variable. In release builds a point compiles to nothing.

/// Where a process can be made to fail: after each step of a batch that another process can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Rows are locked and read.
    AfterLoad,
    /// The outcomes are known to this process alone.
    AfterDecide,
    /// All rows are written, and nothing is committed.
    BeforeCommit,
    /// A job is recorded as dead, and its dead letter is not sent.
    AfterNote,
    /// The outcomes are committed, and no result is sent.
    AfterCommit,
    /// The results are sent, and none is confirmed.
    AfterPublish,
    /// The results are confirmed, and no ack is sent.
    AfterConfirm,
    /// The acks are sent, and may not have arrived.
    AtAck,
    /// `redeemq top` has drawn on the terminal.
    OnScreen,
}

/// Fails here if the environment says so.
#[inline]
pub fn hit(point: Point) {
    #[cfg(debug_assertions)]
    armed::pass(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
mod armed {
    use super::Point;
    use std::process::Command;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const VARIABLE: &str = "REDEEMQ_CRASH";
    const POINTS: [(&str, Point); 9] = [
        ("after_load", Point::AfterLoad),
        ("after_decide", Point::AfterDecide),
        ("before_commit", Point::BeforeCommit),
        ("after_note", Point::AfterNote),
        ("after_commit", Point::AfterCommit),
        ("after_publish", Point::AfterPublish),
        ("after_confirm", Point::AfterConfirm),
        ("at_ack", Point::AtAck),
        ("on_screen", Point::OnScreen),
    ];

    /// Any thread may take the signal, while the others go on. So the thread at the failpoint waits until
    /// the whole process has stopped.
    const STOP: &str = "kill -STOP $PPID
        while ps -o stat= -p $PPID | grep -q '^[RSDI]'; do :; done
        echo stopped until SIGCONT >&2";

    static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let fault = Fault::parse(&text);
        if fault.is_none() {
            tracing::error!("{VARIABLE}={text} is not point:kind[:pass], as in at_ack:stop:2");
            // A panic would count as the fault of a job.
            std::process::exit(2);
        }
        fault
    });
    static PASSES: AtomicUsize = AtomicUsize::new(0);

    struct Fault {
        point: Point,
        kind: Kind,
        pass: usize,
    }

    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Abort,
        Stop,
        Panic,
    }

    impl Fault {
        fn parse(text: &str) -> Option<Self> {
            let mut parts = text.split(':');
            let name = parts.next()?;
            let (_, point) = *POINTS.iter().find(|(known, _)| *known == name)?;
            let kind = match parts.next()? {
                "abort" => Kind::Abort,
                "stop" => Kind::Stop,
                "panic" => Kind::Panic,
                _ => return None,
            };
            let pass = parts.next().map_or(Some(1), |pass| pass.parse().ok())?;
            parts.next().is_none().then_some(Self { point, kind, pass })
        }
    }

    pub(super) fn pass(point: Point) {
        let Some(fault) = FAULT.as_ref().filter(|fault| fault.point == point) else { return };
        if PASSES.fetch_add(1, Ordering::Relaxed) + 1 != fault.pass {
            return;
        }
        tracing::warn!(?point, kind = ?fault.kind, "failing on purpose");
        match fault.kind {
            Kind::Abort => std::process::abort(),
            Kind::Panic => panic!("failing on purpose"),
            Kind::Stop => {
                if let Err(error) = Command::new("sh").args(["-c", STOP]).status() {
                    tracing::error!(%error, "no `sh` to stop with");
                }
            }
        }
    }
}
