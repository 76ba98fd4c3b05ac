//! `redeemq dead`: lists dead letters, replays or drops them.

use super::operator::Operator;
use super::output::{Lines, Output};
use crate::broker::consume::dead_letter::DeadLetter;
use crate::broker::consume::dead_queue::DeadQueue;
use crate::broker::consume::received::Received;
use crate::broker::publish::message::{ConfirmStatus, MaxMessageSize, Outgoing};
use crate::broker::publish::outbound;
use crate::broker::publish::publisher::Publisher;
use crate::broker::topology::REQUESTS;
use crate::broker::{self, BrokerError, short_string};
use crate::progress::{Progress, Unit};
use crate::store::audit_log::Change;
use crate::store::{self, ledger};
use crate::wire::{self, request};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use std::process::ExitCode;
use time::OffsetDateTime;

/// What can be done with dead letters
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all dead letters, without changing them
    List,
    /// Show a dead letter with its body and headers
    Show {
        /// Id, as `dead list` shows it
        id: String,
    },
    /// Send dead letters to the workers again; of a job that was decided meanwhile, publish the stored result
    Replay {
        /// Id, as `dead list` shows it
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// Replay all dead letters
        #[arg(long)]
        all: bool,
        /// Print what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Judge the jobs as if accepted now, not at their original time
        #[arg(long)]
        restamp: bool,
    },
    /// Delete a dead letter for good; its job stays undecided
    Drop {
        /// Id, as `dead list` shows it
        id: String,
    },
}

/// Does it.
///
/// # Errors
/// When broker or database are away, or another `redeemq dead` is at the queue.
pub async fn run(
    command: Command,
    amqp_url: &SecretString,
    operator: &Operator,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let connection = broker::connect(amqp_url, "redeemq dead").await;
    let connection = connection
        .context("cannot reach the broker: check that it runs and that AMQP_URL is right")?;
    let mut queue = DeadQueue::open(&connection)
        .await
        .context("cannot open the dead-letter queue: another `redeemq dead` may be running")?;
    let pool = broker::pool(amqp_url, "redeemq dead: replay", 1)?;
    let progress = match command {
        Command::Replay { all: true, .. } => {
            out.progress("replaying", Unit::Pieces("letters"), queue.left().into())
        }
        _ => Progress::hidden(),
    };
    let worked = work(&command, &mut queue, &pool, operator, &progress).await;
    progress.finish();
    let closed = queue.close().await;
    broker::close(connection).await;
    let rows = worked?;
    if let Err(error) = closed {
        // Removed letters are gone; the broker requeues the others when the connection ends.
        out.remark(&format!("the dead-letter queue was not closed cleanly: {error}"));
    }
    let found = !rows.is_empty() || command.is_about_all();
    report(&command, &rows, out)?;
    if !found {
        bail!("no dead letter has this id: see `redeemq dead list`");
    }
    let failed = rows.iter().any(|row| !row["failed"].is_null());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Command {
    fn is_about_all(&self) -> bool {
        matches!(self, Command::List | Command::Replay { all: true, .. })
    }

    fn is_about(&self, letter: &DeadLetter) -> bool {
        match self {
            Command::List | Command::Replay { all: true, .. } => true,
            Command::Show { id } | Command::Drop { id } | Command::Replay { id: Some(id), .. } => {
                *id == letter.id
            }
            Command::Replay { id: None, .. } => false,
        }
    }
}

async fn work(
    command: &Command,
    queue: &mut DeadQueue,
    pool: &broker::Pool,
    operator: &Operator,
    progress: &Progress,
) -> anyhow::Result<Vec<Value>> {
    let store = &operator.store;
    let mut rows = Vec::new();
    while let Some(letter) = queue.next().await.map_err(explained)? {
        if !command.is_about(&letter) {
            continue;
        }
        rows.push(match command {
            Command::List => summary(&letter),
            Command::Show { .. } => details(&letter),
            Command::Drop { .. } => {
                let mut db = store.begin().await?;
                forget(note(&letter, store).await?, &mut db).await?;
                log("dead drop", &letter, "dropped", operator, &mut db).await?;
                db.commit().await?;
                queue.take_out(&letter).await?;
                json!({"id": letter.id, "done": "dropped"})
            }
            Command::Replay { dry_run, restamp, .. } => {
                match replay(&letter, pool, operator, *dry_run, *restamp).await {
                    Ok(done) if *dry_run => json!({"id": letter.id, "done": done}),
                    Ok(done) => {
                        queue.take_out(&letter).await?;
                        json!({"id": letter.id, "done": done})
                    }
                    // It stays in the queue; the others are replayed all the same.
                    Err(error) => json!({"id": letter.id, "failed": format!("{error:#}")}),
                }
            }
        });
        progress.add(1);
    }
    Ok(rows)
}

fn explained(error: BrokerError) -> anyhow::Error {
    let is_unreadable = error.is_unreadable();
    let error = anyhow::Error::from(error);
    match is_unreadable {
        true => error.context(
            "cannot read a dead letter (its properties hold text that is not UTF-8, or fill a frame), \
             and it hides those behind it: remove it with the broker's own tools, such as `rabbitmqadmin get queue=redeem.dead ackmode=ack_requeue_false`",
        ),
        false => error,
    }
}

fn summary(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id, "dead_at": letter.dead_at, "attempts": letter.attempts,
        "bytes": letter.body.len(), "reason": letter.reason,
    })
}

/// The body as it came. PINs in it are keyed hashes; what is no text is shown with its gaps.
fn details(letter: &DeadLetter) -> Value {
    let mut details = summary(letter);
    details["body"] = String::from_utf8_lossy(&letter.body).into();
    details["properties"] = format!("{:?}", letter.properties).into();
    details
}

/// Asks the ledger first: of a decided job only the result is published again. Else the message goes back
/// to the workers, and is removed here only when the broker has confirmed it.
async fn replay(
    letter: &DeadLetter,
    pool: &broker::Pool,
    operator: &Operator,
    dry_run: bool,
    restamp: bool,
) -> anyhow::Result<&'static str> {
    let store = &operator.store;
    let job = request::decode(&letter.body).ok();
    let standing = match &job {
        Some(job) => ledger::find(store, &job.client, job.key).await?,
        None => ledger::JobStatus::Unseen,
    };
    let (outgoing, done) = match (&job, standing) {
        (Some(job), ledger::JobStatus::Decided(stored)) => {
            let body = wire::answer::replay(job, &stored);
            let answer = outbound::result(&received(letter), job, &body, true);
            // A direct reply queue went with the channel of its caller.
            let copies = answer.copies.into_iter().filter(|copy| !copy.is_direct_reply());
            let outgoing = std::iter::once(answer.main).chain(copies).collect();
            (outgoing, "was decided: its stored answer is published")
        }
        _ => (vec![again(letter, restamp)?], "sent to the workers"),
    };
    if dry_run {
        return Ok(match done {
            "sent to the workers" => "would be sent to the workers",
            _ => "was decided: its stored answer would be published",
        });
    }
    // Read before: the job may be dead-lettered again before its note is removed.
    let note = note(letter, store).await?;
    let publisher = Publisher::open(pool, MaxMessageSize::default()).await?;
    let receipts = publisher.publish(&outgoing, false).await?;
    if receipts.first() != Some(&ConfirmStatus::Confirmed) {
        bail!(
            "the broker did not confirm dead letter {} ({:?}): it stays in the queue",
            letter.id,
            receipts
        );
    }
    let mut db = store.begin().await?;
    forget(note, &mut db).await?;
    log("dead replay", letter, done, operator, &mut db).await?;
    db.commit().await?;
    Ok(done)
}

async fn log(
    what: &str,
    letter: &DeadLetter,
    done: &str,
    operator: &Operator,
    db: &mut PgConnection,
) -> anyhow::Result<()> {
    let before = json!({"dead_at": letter.dead_at, "reason": letter.reason});
    let change = Change::between(what, &letter.id, before, json!({"done": done}));
    operator.log(db, change).await
}

fn again(letter: &DeadLetter, restamp: bool) -> anyhow::Result<Outgoing> {
    let mut body = letter.body.clone();
    if restamp {
        let mut message: Value = serde_json::from_slice(&body).with_context(|| {
            format!("dead letter {} is not JSON, and cannot be restamped", letter.id)
        })?;
        let fields = message.as_object_mut();
        let fields = fields.with_context(|| {
            format!("dead letter {} is not a request, and cannot be restamped", letter.id)
        })?;
        fields.insert("accepted_at".to_owned(), wire::rfc3339(wire::now()).into());
        body = serde_json::to_vec(&message)?;
    }
    let operation = letter.properties.kind().as_ref().map_or("replayed", |kind| kind.as_str());
    Ok(Outgoing {
        exchange: REQUESTS,
        routing_key: short_string(operation),
        mandatory: true,
        properties: letter.properties_alive().with_message_id(short_string(&letter.id)),
        body: body.into(),
    })
}

fn received(letter: &DeadLetter) -> Received {
    Received {
        tag: 0,
        body: letter.body.clone(),
        properties: letter.properties.clone(),
        delivery_count: letter.attempts,
        death: None,
        is_dead_letter: false,
    }
}

/// A job whose status is dead, and since when.
type Note = (request::Known, OffsetDateTime);

async fn note(letter: &DeadLetter, store: &PgPool) -> anyhow::Result<Option<Note>> {
    let known = match request::decode(&letter.body) {
        Ok(job) => Some(request::Known::of(&job)),
        Err(undecodable) => undecodable.known,
    };
    let Some(known) = known else { return Ok(None) };
    let noted_at = store::dead::noted_at(store, &known.client, known.key).await?;
    Ok(noted_at.map(|noted_at| (known, noted_at)))
}

/// Removes the status `dead` of a job that no longer is.
async fn forget(note: Option<Note>, db: &mut PgConnection) -> anyhow::Result<()> {
    if let Some((known, noted_at)) = note {
        store::dead::remove(db, &known.client, known.key, noted_at).await?;
    }
    Ok(())
}

fn report(command: &Command, rows: &[Value], out: &mut Output) -> anyhow::Result<()> {
    match command {
        Command::List => {
            out.result(&rows, |rows| table(&["id", "dead_at", "attempts", "bytes", "reason"], rows))
        }
        Command::Show { .. } => out.result(&rows, |rows| rows.iter().flat_map(record).collect()),
        Command::Replay { .. } | Command::Drop { .. } => {
            out.result(&rows, |rows| table(&["id", "done", "failed"], rows))
        }
    }
}

fn table(columns: &[&str], rows: &[Value]) -> Lines {
    let header = columns.iter().map(|column| (*column).to_owned()).collect();
    let line = |row: &Value| columns.iter().map(|column| plain(&row[*column])).collect();
    std::iter::once(header).chain(rows.iter().map(line)).collect()
}

fn record(row: &Value) -> Lines {
    let fields = row.as_object().into_iter().flatten();
    fields.map(|(name, value)| vec![name.clone(), plain(value)]).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
