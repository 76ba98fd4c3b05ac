//! The simplest goods there are, free and without a bound, for tests that are about something else.

use super::{Request, Site};
use serde_json::json;

pub const MUG: &str = "goods_id,name\nmug,Mug\n";

/// One mug for p1.
pub fn mug(client: &str) -> Request {
    let params = json!({"goods_id": "mug", "player_id": "p1", "amount": 1});
    Request::new(client, "goods", &params)
}

/// A site whose two clients have mugs.
pub async fn with_mugs() -> Site {
    let site = Site::with_clients().await;
    site.goods("acme", MUG);
    site.goods("zeta", MUG);
    site
}
