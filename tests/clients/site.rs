//! A client site, and what its programs say.

use harness::Site;
use harness::rights::{PASSWORD, as_user, make_broker_users, remove_broker_user};
use serde_json::Value;
use std::process::{Child, Command, Stdio};

/// A client site with its own two users, and how its programs are started.
pub struct Client {
    pub site: Site,
    api_key: String,
    api_secret: String,
}

impl Client {
    pub async fn open() -> Self {
        let site = Site::open().await;
        let client = site.json(&["client", "create", "acme"]);
        let rows = "player_id,asset,amount\nalice,point,10\n";
        site.import(&["players", "import", "--client", "acme", "--import-id", "start"], rows);
        site.goods("acme", "goods_id,name,price\nespresso,Espresso,point=1\n");
        make_broker_users(&site, &["client", "acme"]);
        let text = |name: &str| client[name].as_str().expect(name).to_owned();
        Self { api_key: text("api_key"), api_secret: text("api_secret"), site }
    }

    /// Starts a program that knows the ingress by this URL.
    pub fn start(&self, mut command: Command, ingress: &str, arguments: &[&str]) -> Child {
        let user = format!("{}_client_acme", self.site.name);
        command
            .args(arguments)
            .env("REDEEMQ_URL", ingress)
            .env("REDEEMQ_CLIENT", "acme")
            .env("API_KEY", &self.api_key)
            .env("API_SECRET", &self.api_secret)
            .env("CLIENT_AMQP_URL", as_user(&self.site.amqp_url, &user, PASSWORD))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("it starts")
    }

    pub async fn close(self) {
        self.site.audit();
        remove_broker_user(&self.site.name, "client_acme").await;
        self.site.close().await;
    }
}

/// What it printed of HTTP and of AMQP.
pub async fn said(child: Child) -> (Value, Value) {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("joined");
    let output = output.expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let of = |way: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(way)?.strip_prefix(' '));
        line.map(|line| serde_json::from_str(line).expect("JSON")).unwrap_or_default()
    };
    (of("http"), of("amqp"))
}

pub fn assert_granted(answer: &Value) {
    assert_eq!(answer["error_code"], "0000", "{answer}");
    assert_eq!(answer["response"]["events"][0]["goods_data"]["goods_id"], "espresso");
}
