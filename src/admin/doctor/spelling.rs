//! Ids and codes that lie in the database and that nobody can name.

use super::finding::Examination;
use super::options::Settings;
use crate::store::spelling::{self, Extent, Found};
use crate::store::{self, Result, Role, StoreError};
use sqlx::PgConnection;

/// Rows of each table that are looked at: a few tenths of a second.
const SAMPLE: i64 = 50_000;
const REMEDY: &str = "docs/operations.md, `Names that nobody can type`, says what to do";

/// Looks at a sample, within the time that a worker's statement has; with `--deep` at every row, however long
/// that takes. Nothing of what it finds is shown.
pub(super) async fn examine(examined: &mut Examination, settings: &Settings) {
    if !settings.role.works() {
        let why = "only a worker's user may read them: ask with --for worker";
        return examined.not_checked("ids and codes", why);
    }
    let limit = settings.statement_limit;
    let looked = match settings.deep {
        true => look(settings, Role::Admin, Extent::All).await,
        false => limit.in_time(look(settings, Role::Worker(limit), Extent::Sample(SAMPLE))).await,
    };
    match looked {
        Ok(found) => judge(examined, found, settings.deep),
        Err(error) => examined.not_checked("ids and codes", why_not(&error)),
    }
}

/// Names of one kind, and what was found of them.
type Looked = [(&'static str, Found); 3];

async fn look(settings: &Settings, role: Role, extent: Extent) -> Result<Looked> {
    let pool = store::pool(&settings.database_url, role, 1)?;
    let looking = async {
        let mut db = pool.acquire().await?;
        look_at_all(&mut db, extent).await
    };
    let looked = looking.await;
    pool.close().await;
    looked
}

async fn look_at_all(db: &mut PgConnection, extent: Extent) -> Result<Looked> {
    let (coupons, balances) = spelling::sizes(&mut *db).await?;
    Ok([
        ("coupon codes", spelling::codes(&mut *db, coupons, extent).await?),
        ("players' balances", spelling::players(&mut *db, balances, extent).await?),
        ("goods and branches", spelling::catalogue(&mut *db, extent).await?),
    ])
}

fn judge(examined: &mut Examination, looked: Looked, deep: bool) {
    let bad = looked.iter().filter(|(_, found)| found.unreachable > 0);
    let first = examined.so_far();
    for (kind, found) in bad {
        let Found { looked_at, unreachable, alike } = found;
        let mut what = format!(
            "{unreachable} of {looked_at} {kind} have white space around a name, or characters in it that nobody sees: no request can name them"
        );
        if *alike > 0 {
            what += &format!(". {alike} of them look like another code of their pool");
        }
        examined.warning(what, REMEDY);
    }
    if examined.is_clean_since(first) {
        let counts = looked.map(|(kind, found)| format!("{} {kind}", found.looked_at)).join(", ");
        let all = match deep {
            true => "all of them".to_owned(),
            false => format!("at most {SAMPLE} rows of a table; --deep reads all"),
        };
        examined.ok(format!("every id and code can be named: {counts} ({all})"));
    }
}

fn why_not(error: &StoreError) -> String {
    format!("{error}. Ask with --deep when the database has time: that reads every row")
}
