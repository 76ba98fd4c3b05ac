//! Clients of the original API, unmodified: each sends what its SDK sends, byte for byte, and reads as it reads.

mod browser;
mod dotnet;
mod javascript;
mod php;
mod python_ruby;
mod synchronous;

use harness::{Process, Raw, Site, leaks};
use serde_json::Value;

/// A site whose client `web` is answered synchronously, with goods and a player that has points.
struct Original {
    site: Site,
    api_key: String,
    api_secret: String,
}

/// What came back, before any SDK has read it.
struct Reply {
    status: u16,
    head: String,
    body: Value,
}

impl Reply {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split_whitespace().nth(1).expect("a status").parse().expect("a number");
        let body = serde_json::from_str(body).unwrap_or_default();
        Self { status, head: head.to_lowercase(), body }
    }

    fn code(&self) -> &str {
        self.body["error_code"].as_str().expect("an envelope")
    }

    fn said(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    /// What the SDKs' own tests look at.
    fn event(&self) -> &Value {
        &self.body["response"]["events"][0]
    }
}

impl Original {
    async fn open() -> Self {
        let site = Site::open().await;
        let made = site.json(&["client", "create", "web", "--answers", "sync"]);
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        let players = "player_id,asset,amount\np1,point,1000\np 1,point,1000\n";
        site.import(&["players", "import", "--client", "web", "--import-id", "1"], players);
        site.goods("web", "goods_id,name,group,price\nmug,Mug,,point=1\nfilm,Film,films,\n");
        site.coupons("web", "films", "code\nF-1\nF-2\nF-3\n");
        let (api_key, api_secret) = (text("api_key"), text("api_secret"));
        leaks::keep(&site.name, &api_secret);
        Self { site, api_key, api_secret }
    }

    /// One request on a connection of its own.
    async fn send(&self, process: &Process, request: &str) -> Reply {
        let mut raw = Raw::to(&process.http).await;
        raw.send(request).await;
        let reply = Reply::read(&raw.answer().await);
        if let Some(token) = reply.body["response"]["token"].as_str() {
            leaks::keep(&self.site.name, token);
        }
        reply
    }

    async fn post(&self, process: &Process, target: &str, media: &str, body: &str) -> Reply {
        self.send(process, &post(target, media, body)).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn post(target: &str, media: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: redeem.example\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}
