//! The clients in `examples/clients` do what they show. Their libraries are fetched into `target/`, in
//! the versions that they name themselves, so this target is kept apart.

#![expect(unreachable_pub, reason = "a test binary has no outside")]

#[path = "it/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what other targets need of it")]
mod harness;
#[path = "tools/mod.rs"]
#[allow(dead_code, reason = "what other targets need of it")]
mod tools;

use harness::rights::{PASSWORD, as_user, make_broker_users, remove_broker_user};
use harness::{Process, Proxy, Role, Site, eventually};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clients/");

/// What the client says must be installed for it.
fn needed(file: &str, command: &str) -> String {
    let text = std::fs::read_to_string(format!("{EXAMPLES}{file}")).expect(file);
    let line = text.lines().find_map(|line| line.split_once(command));
    line.unwrap_or_else(|| panic!("{file} does not say {command}")).1.trim().to_owned()
}

fn python() -> Command {
    let packages = needed("redeem.py", "pip install ");
    let mut command = Command::new(tools::python("client-python", &[&packages]).join("python"));
    command.arg(format!("{EXAMPLES}redeem.py"));
    command
}

fn node() -> Command {
    let folder = tools::node("client-node", &[&needed("redeem.mjs", "npm install ")]);
    // Modules are looked for beside the program.
    let program: PathBuf = folder.join("redeem.mjs");
    std::fs::copy(format!("{EXAMPLES}redeem.mjs"), &program).expect("copied");
    let mut command = Command::new("node");
    command.arg(program);
    command
}

fn curl() -> Command {
    Command::new(format!("{EXAMPLES}redeem.sh"))
}

/// A client site with its own two users, and how its programs are started.
struct Client {
    site: Site,
    api_key: String,
    api_secret: String,
}

impl Client {
    async fn open() -> Self {
        let site = Site::open().await;
        let client = site.json(&["client", "create", "acme"]);
        let rows = "player_id,asset,amount\nalice,point,10\n";
        site.import(&["players", "import", "--client", "acme", "--import-id", "start"], rows);
        site.goods("acme", "goods_id,name,price\nespresso,Espresso,point=1\n");
        make_broker_users(&site.name, &["client", "acme"]);
        let text = |name: &str| client[name].as_str().expect(name).to_owned();
        Self { api_key: text("api_key"), api_secret: text("api_secret"), site }
    }

    fn start(&self, mut command: Command, ingress: &Process, arguments: &[&str]) -> Child {
        let user = format!("{}_client_acme", self.site.name);
        command
            .args(arguments)
            .env("REDEEMQ_URL", &ingress.http)
            .env("REDEEMQ_CLIENT", "acme")
            .env("API_KEY", &self.api_key)
            .env("API_SECRET", &self.api_secret)
            .env("CLIENT_AMQP_URL", as_user(&self.site.amqp_url, &user, PASSWORD))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("it starts")
    }

    async fn close(self) {
        self.site.audit();
        remove_broker_user(&self.site.name, "client_acme").await;
        self.site.close().await;
    }
}

/// What it printed of HTTP and of AMQP.
async fn said(child: Child) -> (Value, Value) {
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

fn assert_granted(answer: &Value) {
    assert_eq!(answer["error_code"], "0000", "{answer}");
    assert_eq!(answer["response"]["events"][0]["goods_data"]["goods_id"], "espresso");
}

/// Both ways tell the same decision; the same key again, the same answer; and other goods are refused.
async fn redeems_once(program: fn() -> Command, has_amqp: bool) {
    let client = Client::open().await;
    let process = client.site.serve().await;
    for _ in 0..2 {
        let child = client.start(program(), &process, &["espresso", "alice", "order-1"]);
        let (http, amqp) = said(child).await;
        assert_granted(&http);
        if has_amqp {
            assert_granted(&amqp);
            assert_eq!(http["response"], amqp["response"]);
        }
    }
    let other = client.start(program(), &process, &["nothing", "alice"]);
    assert_eq!(said(other).await.0["error_code"], "0501");
    assert_eq!(client.site.number("select sum(granted)::bigint from goods").await, 1);
    client.close().await;
}

/// Begun while the broker is away: refused with 503, and granted once when it is back.
async fn outlasts_an_outage(program: fn() -> Command) {
    let client = Client::open().await;
    let _worker = client.site.start(Role::Worker, &[]).await;
    let broker = Proxy::before(&client.site.amqp_url).await;
    let ingress = client.site.start(Role::Ingress, &[("AMQP_URL", &broker.url)]).await;
    broker.cut();
    let readyz = format!("{}/readyz", ingress.http);
    eventually("the ingress knows that the broker is away", async || {
        reqwest::get(&readyz).await.is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    let before = ingress.metric("redeemq_refused_total", "3003").await;
    let child = client.start(program(), &ingress, &["espresso", "alice"]);
    // Another look at /readyz would count as well: none is taken from here on.
    eventually("the client was refused twice", async || {
        ingress.metric("redeemq_refused_total", "3003").await >= before + 2.0
    })
    .await;
    broker.mend();
    assert_granted(&said(child).await.0);
    assert_eq!(client.site.number("select count(*) from ledger").await, 1);
    client.close().await;
}

#[tokio::test]
async fn the_python_client_redeems_once_and_learns_it_both_ways() {
    redeems_once(python, true).await;
}

#[tokio::test]
async fn the_node_client_redeems_once_and_learns_it_both_ways() {
    redeems_once(node, true).await;
}

#[tokio::test]
async fn the_curl_client_redeems_once() {
    redeems_once(curl, false).await;
}

#[tokio::test]
async fn the_python_client_outlasts_an_outage() {
    outlasts_an_outage(python).await;
}

#[tokio::test]
async fn the_node_client_outlasts_an_outage() {
    outlasts_an_outage(node).await;
}

#[tokio::test]
async fn the_curl_client_outlasts_an_outage() {
    outlasts_an_outage(curl).await;
}
