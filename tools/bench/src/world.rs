//! What there is to be redeemed: enough of everything that no job is refused.

use crate::bench::Place;
use crate::plan::Plan;
use anyhow::Context as _;
use redeemq::store::{self, Role};
use serde_json::Value;

/// The client site.
pub const CLIENT: &str = "bench";
/// The pool of codes.
pub const POOL: &str = "tickets";

/// What the load has to know of it.
#[derive(Debug, Clone)]
pub struct World {
    pub players: u32,
    pub goods: u32,
    pub codes: u32,
    pub api_key: String,
    pub api_secret: String,
    /// Of the branch that verifies the tickets.
    pub pin: String,
}

/// Fills an empty database.
pub async fn fill(place: &Place, plan: &Plan) -> anyhow::Result<World> {
    let store = store::pool(&place.database_url.clone().into(), Role::Admin, 1)?;
    store::migrate(&store).await?;
    store.close().await;
    let client = place.redeemq(&["client", "create", CLIENT]).json()?;
    let (players, goods, codes) = (plan.players, plan.goods, plan.codes);
    for statement in [
        // One hot row and many, sponsored for a point and the client's own for nothing. All stocks are
        // bounded, or a bound would not be checked.
        format!(
            "insert into goods (scope, sponsor, goods_id, name, quantity, price)
             select '*', 'cola', id, 'A bottle of cola', 1000000000000, 'point=1'
             from (select 'cola' union all select 'cola-' || i from generate_series(0, {goods} - 1) i) g (id)"
        ),
        format!(
            "insert into goods (scope, goods_id, name, quantity)
             select '{CLIENT}', id, 'A mug', 1000000000000
             from (select 'mug' union all select 'mug-' || i from generate_series(0, {goods} - 1) i) g (id)"
        ),
        format!(
            "insert into goods (scope, goods_id, group_name, name, codes)
             values ('{CLIENT}', '{POOL}', '{POOL}', 'A ticket', {codes})"
        ),
        format!(
            "insert into coupon (goods, code)
             select g.id, 'TICKET-' || lpad(i::text, 9, '0')
             from goods g, generate_series(0, {codes} - 1) i
             where g.goods_id = '{POOL}' order by i"
        ),
        format!(
            "insert into player_import select '{CLIENT}', 'start', 'player-' || i, 'point', 1000000000
             from generate_series(0, {players} - 1) i"
        ),
        "insert into balance select client_id, player_id, asset, amount from player_import".into(),
        "vacuum analyze".into(),
    ] {
        place.execute(&statement).await?;
    }
    let branch = ["branch", "create", "--client", CLIENT, "--merchant", "Odeon"];
    let named = ["--branch", "Main Street", "--group", POOL];
    let branch = place.redeemq(&[&branch[..], &named].concat()).json()?;
    Ok(World {
        players,
        goods,
        codes,
        api_key: text(&client, "api_key")?,
        api_secret: text(&client, "api_secret")?,
        pin: text(&branch, "pin_code")?,
    })
}

/// The `n`th code of the pool, in the order of granting.
pub fn code(n: u64) -> String {
    format!("TICKET-{n:09}")
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
