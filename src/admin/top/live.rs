//! The view on a terminal, until the user quits. However it ends, the terminal is restored.

use super::draw::draw;
use super::sampler::Sampler;
use super::view::Seen;
use crate::failpoint::{self, Point};
use anyhow::Context as _;
use futures_util::future::poll_immediate;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// How long the thread that reads keys outlives the screen.
const KEYS_CHECK: Duration = Duration::from_millis(100);

pub(super) async fn run(
    sampler: Sampler,
    every: Duration,
    colours: bool,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::pin!(stop);
    // A signal is heard from its first look on, which is to be before the terminal is taken over.
    if poll_immediate(&mut stop).await.is_some() {
        return Ok(());
    }
    let mut screen = Screen::open()?;
    let mut keys = keys();
    let (looked, mut looks) = mpsc::channel(1);
    let looking = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if looked.send(sampler.look().await).await.is_err() {
                return;
            }
        }
    });
    let mut seen = Seen::default();
    loop {
        screen.draw(&mut seen, colours)?;
        failpoint::hit(Point::OnScreen);
        tokio::select! {
            Some(look) = looks.recv() => seen.note(look),
            event = keys.recv() => match event {
                Some(event) if !is_quit(&event) => {}
                // Without keys there is no terminal any more.
                _ => break,
            },
            () = &mut stop => break,
        }
    }
    looking.abort();
    Ok(())
}

/// Leaves the alternate screen when it goes. A panic has left it already, to be readable.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> anyhow::Result<Self> {
        ratatui::try_init().map(Self).context("the terminal can't be taken over: try --once")
    }

    fn draw(&mut self, seen: &mut Seen, colours: bool) -> anyhow::Result<()> {
        let view = seen.view();
        let drawn = self.0.draw(|frame| draw(frame, view.as_ref(), colours));
        drawn.map(drop).context("the terminal can't be written to")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            ratatui::restore();
        }
    }
}

/// Keys, and that the window has another size. A thread waits for them: a task that waits for a
/// key would keep the process from ending.
fn keys() -> mpsc::Receiver<Event> {
    let (sender, keys) = mpsc::channel(16);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let event = match event::poll(KEYS_CHECK) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let Ok(event) = event else { return };
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    keys
}

fn is_quit(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
        return false;
    };
    match code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}
