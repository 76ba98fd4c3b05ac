//! What the database does with one transaction a job: `pgbench` on the same schema, with the same rows
//! written for a job, everything prepared, and as many clients as serve it best.

use crate::bench::Place;
use crate::broker_limit::Samples;
use crate::machine;
use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};

/// One job: the locks, the look whether it was decided, and the writes.
const SCRIPT: &str = r"
\set player random(0, :players - 1)
\set goods random(0, :rows - 1)
begin;
select id, granted, quantity, price from goods where scope = '*' and goods_id = GOODS for update;
select amount from balance where client_id = 'bench' and player_id = 'player-' || :player and asset = 'point' for update;
select body from ledger where client_id = 'bench' and job_key = gen_random_uuid();
update goods set granted = granted + 1 where scope = '*' and goods_id = GOODS;
update balance set amount = amount - 1 where client_id = 'bench' and player_id = 'player-' || :player and asset = 'point';
insert into ledger (client_id, job_key, content, operation, accepted_at, decided_at, code, goods, player_id, granted, spent, body)
values ('bench', KEY, '\x0102030405060708', 'sponsor', now(), now(), '0000', 1, 'player-' || :player, 1, 'point=1', 'BODY');
commit;
";
/// Keys that follow one another in time, as ours do.
const KEY: &str = "(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || \
    substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid";

/// The tool, and where it works.
pub struct Pgbench {
    program: PathBuf,
    folder: PathBuf,
    database_url: String,
    players: u32,
    goods: u32,
    body: String,
}

impl Pgbench {
    /// None where there is no such tool: Debian puts it beside the server.
    pub async fn find(
        place: &Place,
        folder: &Path,
        world: &crate::world::World,
        samples: &Samples,
    ) -> anyhow::Result<Option<Self>> {
        let Some(program) = machine::beside_postgres(place, "pgbench").await? else {
            return Ok(None);
        };
        // A colon would begin one of its variables.
        let body = String::from_utf8_lossy(&samples.result).replace([':', '\''], "=");
        Ok(Some(Self {
            program,
            folder: folder.to_owned(),
            database_url: place.database_url.clone(),
            players: world.players,
            goods: world.goods,
            body,
        }))
    }

    /// Transactions a second.
    pub async fn rate(&self, clients: u32, seconds: f64, spread: bool) -> anyhow::Result<f64> {
        let goods = if spread { "'cola-' || :goods" } else { "'cola'" };
        let script = SCRIPT.replace("GOODS", goods).replace("KEY", KEY).replace("BODY", &self.body);
        let file = self.folder.join(if spread { "spread.sql" } else { "hot.sql" });
        std::fs::write(&file, script)?;
        let mut command = std::process::Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
        command.arg(format!("--client={clients}"));
        command.arg(match seconds < 1.0 {
            true => "--transactions=25".to_owned(), // it counts whole seconds
            false => format!("--time={}", seconds.ceil()),
        });
        command.args([format!("--define=players={}", self.players)]);
        command.args([format!("--define=rows={}", self.goods)]);
        command.arg(format!("--file={}", file.display())).arg(&self.database_url);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pgbench: {said}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        tps(&told).with_context(|| format!("no rate in what pgbench says: {told}"))
    }
}

fn tps(told: &str) -> Option<f64> {
    let (_, rest) = told.split_once("tps = ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::tps;

    #[test]
    fn the_rate_is_read_from_what_pgbench_tells() {
        let told = "latency average = 1.3 ms\ntps = 1234.567 (without initial connection time)\n";
        assert_eq!(tps(told), Some(1234.567));
        assert_eq!(tps("nothing"), None);
    }
}
