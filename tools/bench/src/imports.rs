//! An import of codes, against the least that it could cost: COPY into a table with the same indexes.

use crate::bench::{Bench, Place};
use crate::campaign::Lab;
use crate::world::CLIENT;
use crate::{proc, table};
use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Executor as _};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const COPIED: &str = "COPY of as many codes";

/// The series of an import.
pub fn name(codes: u64, what: &str) -> String {
    format!("an import of {codes} codes, {what}")
}

pub async fn measure(lab: &mut Lab) -> anyhow::Result<()> {
    let plan = lab.bench.plan.clone();
    let place = lab.bench.copy().await?;
    let [few, many] = plan.imported;
    let (few_file, many_file) = (file(&lab.bench, few)?, file(&lab.bench, many)?);
    for round in 1..=plan.side_rounds {
        table::progress(&format!("round {round} of {}: imports", plan.side_rounds));
        let imported = import(&place, &format!("few-{round}"), &few_file).await?;
        lab.book.add(name(few, "peak memory"), "MiB", imported.peak);
        let imported = import(&place, &format!("many-{round}"), &many_file).await?;
        lab.book.add(name(many, "time"), "s", imported.seconds);
        lab.book.add(name(many, "peak memory"), "MiB", imported.peak);
        lab.book.add(COPIED, "s", copy(&place, &format!("bare-{round}"), &many_file).await?);
    }
    place.audit()?;
    for file in [few_file, many_file] {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// What an import took.
pub struct Imported {
    pub seconds: f64,
    /// The most memory that it had, in MiB.
    pub peak: f64,
}

/// A file of so many codes.
pub fn file(bench: &Bench, codes: u64) -> anyhow::Result<PathBuf> {
    let mut rows = "code\n".to_owned();
    for n in 0..codes {
        let _ = writeln!(rows, "CODE-{n:010}");
    }
    let path = bench.folder.join(format!("codes-{codes}.csv"));
    std::fs::write(&path, rows)?;
    Ok(path)
}

/// Makes a pool and imports the file into it.
pub async fn import(place: &Place, pool: &str, file: &Path) -> anyhow::Result<Imported> {
    make_pool(place, pool).await?;
    let file = file.to_str().context("a path in UTF-8")?;
    let arguments = ["coupons", "import", "--client", CLIENT, "--group", pool, file];
    let begun = Instant::now();
    let mut process = place.redeemq(&arguments).start("redeemq coupons import")?;
    let mut peak: f64 = 0.0;
    while !process.ended()? {
        peak = peak.max(proc::resident(process.pid(), true).unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(Imported { seconds: begun.elapsed().as_secs_f64(), peak })
}

/// Seconds of the COPY.
pub async fn copy(place: &Place, pool: &str, file: &Path) -> anyhow::Result<f64> {
    make_pool(place, pool).await?;
    let goods = place.number(&format!("select id from goods where goods_id = '{pool}'")).await?;
    let mut db = place.connect().await?;
    for statement in [
        "create table bare_coupon (like coupon including all)".to_owned(),
        "alter table bare_coupon add foreign key (goods) references goods (id)".to_owned(),
        format!("alter table bare_coupon alter goods set default {goods}"),
    ] {
        db.execute(AssertSqlSafe(statement)).await?;
    }
    let begun = Instant::now();
    let mut copying =
        db.copy_in_raw("copy bare_coupon (code) from stdin with (format csv, header)").await?;
    copying.read_from(tokio::fs::File::open(file).await?).await?;
    copying.finish().await?;
    let seconds = begun.elapsed().as_secs_f64();
    db.execute("drop table bare_coupon").await?;
    sqlx::Connection::close(db).await?;
    Ok(seconds)
}

async fn make_pool(place: &Place, pool: &str) -> anyhow::Result<()> {
    let goods = format!(
        "insert into goods (scope, goods_id, group_name, name) values ('{CLIENT}', '{pool}', '{pool}', 'A pool')"
    );
    place.execute(&goods).await.map(drop)
}
