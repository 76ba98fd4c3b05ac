//! Three RabbitMQ nodes, one cluster.

use harness::Broker;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

pub const NODES: usize = 3;

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/services");
const NAMES: [&str; NODES] = ["cluster", "cluster-b", "cluster-c"];

pub struct Cluster {
    broker: Broker,
    urls: Vec<String>,
    /// Reads from us until we end, however we end: then the nodes are removed.
    _keeper: Child,
}

impl Cluster {
    pub fn start() -> Self {
        let script = r#"
            services=$1; shift
            trap 'for name; do "$services" down "$name"; done' EXIT
            echo "$RABBITMQ_MANAGEMENT_URL"; echo "$AMQP_URL"
            for name; do "$services" join "$name" cluster; echo; done
            cat >/dev/null"#;
        let mut keeper = Command::new(SERVICES)
            .args(["with", NAMES[0], "--", "bash", "-euc", script, "cluster", SERVICES])
            .args(&NAMES[1..])
            .env_remove("AMQP_URL")
            .env_remove("RABBITMQ_MANAGEMENT_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("deploy/services runs");
        let told = BufReader::new(keeper.stdout.take().expect("its output"));
        let mut lines = told.lines().map_while(Result::ok);
        let mut next = || lines.next().expect("a cluster of our own");
        let management_url = next();
        let urls: Vec<String> = (0..NODES).map(|_| next()).collect();
        let broker = Broker { amqp_url: urls[0].clone(), management_url };
        Self { broker, urls, _keeper: keeper }
    }

    /// The first node.
    pub fn broker(&self) -> Broker {
        self.broker.clone()
    }

    /// The same vhost by way of another node.
    pub fn url(&self, node: usize, url: &str) -> String {
        url.replace(&server(&self.urls[0]), &server(&self.urls[node]))
    }

    /// As the nodes call one another.
    pub fn name(&self, node: usize) -> String {
        let port = server(&self.urls[node]);
        let (_, port) = port.rsplit_once(':').expect("a port");
        format!("redeemq-{}-{port}@localhost", NAMES[node])
    }

    /// SIGKILL: the node is gone, and its data stays.
    pub async fn kill(&self, node: usize) {
        services(["kill", NAMES[node], "rabbitmq"]).await;
    }

    /// Starts it again.
    pub async fn revive(&self, node: usize) {
        services(["revive", NAMES[node], "rabbitmq"]).await;
    }
}

/// Host and port of a URL.
fn server(url: &str) -> String {
    let (_, server) = url.rsplit_once('@').expect("a user");
    server.split('/').next().expect("a host").to_owned()
}

async fn services(arguments: [&'static str; 3]) {
    let running = tokio::task::spawn_blocking(move || {
        Command::new(SERVICES).args(arguments).stdout(Stdio::null()).status()
    });
    let done = running.await.expect("it runs").expect("deploy/services runs");
    assert!(done.success(), "deploy/services {arguments:?}");
}
