//! What tells a process to stop.

use tokio::signal::unix::{SignalKind, signal as listen};

pub(super) async fn signal() -> std::io::Result<&'static str> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
