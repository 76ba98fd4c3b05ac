//! A statement that has to hold, as a query for the rows that contradict it.

use futures_util::future::BoxFuture;
use sqlx::PgConnection;

/// One statement that has to hold, and the query for what contradicts it.
#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) promise: &'static str,
    pub(super) name: &'static str,
    pub(super) offences: fn(&mut PgConnection) -> Offences<'_>,
}

pub(super) type Offences<'a> = BoxFuture<'a, sqlx::Result<Vec<Offence>>>;

/// One row that breaks a promise, and how many do in all.
pub(super) struct Offence {
    pub(super) what: String,
    pub(super) total: i64,
}

/// `check!("P5", "what holds", "select a text for each row that breaks it, as `what`")`
macro_rules! check {
    ($promise:literal, $name:literal, $sql:literal) => {
        $crate::store::audit::check::Check {
            promise: $promise,
            name: $name,
            offences: |db| {
                Box::pin(
                    sqlx::query_as!(
                        $crate::store::audit::check::Offence,
                        r#"select what as "what!", count(*) over () as "total!" from ("#
                            + $sql
                            + ") as offending order by what limit 20"
                    )
                    .fetch_all(db),
                )
            },
        }
    };
}
pub(super) use check;
