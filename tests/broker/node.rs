//! The RabbitMQ of this target.

use harness::{Broker, Site};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/services");
const NAME: &str = "broker";

/// So many tests share the node at most, however many are run at once: they are held to seconds.
const SHARING: u32 = 2;

/// A test shares the node with others, or has it for itself while it changes the node.
static TURNS: Semaphore = Semaphore::const_new(SHARING as usize);

pub struct Node {
    broker: Broker,
    /// Reads from us until we end, however we end: then the node is removed.
    _keeper: Child,
}

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let tell = r#"echo "$AMQP_URL"; echo "$RABBITMQ_MANAGEMENT_URL"; cat >/dev/null"#;
        let mut keeper = Command::new(SERVICES)
            .args(["with", NAME, "--", "sh", "-c", tell])
            .env_remove("AMQP_URL")
            .env_remove("RABBITMQ_MANAGEMENT_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("deploy/services runs");
        let told = BufReader::new(keeper.stdout.take().expect("its output"));
        let mut urls = told.lines().map_while(Result::ok);
        let mut next = || urls.next().expect("a RabbitMQ of our own");
        let broker = Broker { amqp_url: next(), management_url: next() };
        Node { broker, _keeper: keeper }
    })
}

/// The node, beside other tests.
pub async fn shared() -> (&'static Node, SemaphorePermit<'static>) {
    let turn = TURNS.acquire().await.expect("never closed");
    (node(), turn)
}

/// The node alone.
pub async fn alone() -> (&'static Node, SemaphorePermit<'static>) {
    let turn = TURNS.acquire_many(SHARING).await.expect("never closed");
    (node(), turn)
}

impl Node {
    /// A site whose two clients have mugs.
    pub async fn site(&self) -> Site {
        let site = Site::with_clients_on(self.broker.clone()).await;
        for client in ["acme", "zeta"] {
            site.goods(client, harness::MUG);
        }
        site
    }

    /// SIGKILL: the node is gone, and its data stays.
    pub fn kill(&self) {
        services(&["kill", NAME, "rabbitmq"]);
    }

    /// Starts it again.
    pub fn revive(&self) {
        services(&["revive", NAME, "rabbitmq"]);
    }

    /// Whether it speaks to clients.
    pub async fn greets(&self) -> bool {
        let (_, address) = self.broker.amqp_url.rsplit_once('@').expect("a user");
        let (address, _) = address.split_once('/').expect("a vhost");
        let Ok(mut line) = TcpStream::connect(address).await else { return false };
        let asked = line.write_all(b"AMQP\x00\x00\x09\x01").await;
        asked.is_ok() && line.read_exact(&mut [0]).await.is_ok()
    }

    /// Has it write down which queues it has. It does so by itself half a second after a new one, if
    /// nothing else is declared meanwhile; killed before that, it would not know their logs again.
    pub fn remember(&self) {
        let all = "[ok = dets:sync(Table) || Table <- dets:all()].";
        services(&["rabbitmqctl", NAME, "eval", all]);
    }

    /// Lets the leader of a quorum queue stand still, or go on: the broker then neither takes nor refuses what
    /// goes there, as where a majority of the queue's nodes is lost.
    pub fn still_leader(&self, vhost: &str, queue: &str, stands_still: bool) {
        let what = if stands_still { "suspend" } else { "resume" };
        let change = format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{vhost}\">>, queue, <<\"{queue}\">>)), \
             ok = sys:{what}(amqqueue:get_pid(Q))."
        );
        services(&["rabbitmqctl", NAME, "eval", &change]);
    }

    /// Lets the log of all quorum queues stand still, as on a disk that does, or go on.
    pub fn still_disk(&self, stands_still: bool) {
        let what = if stands_still { "suspend" } else { "resume" };
        services(&["rabbitmqctl", NAME, "eval", &format!("ok = sys:{what}(ra_log_wal).")]);
    }

    /// Raises the memory alarm, until the guard is dropped.
    pub fn alarm(&self) -> Alarm {
        services(&["rabbitmqctl", NAME, "set_vm_memory_high_watermark", "0.00001"]);
        Alarm
    }

    /// What one of RabbitMQ's own tools does here, by what somebody types; what it asks for is typed
    /// as well.
    pub fn tool(&self, command: &str, answer: &str) -> String {
        let (tool, rest) = command.split_once(' ').expect("arguments");
        let typed = format!("printf '%s\n' '{answer}' | '{SERVICES}' {tool} {NAME} {rest}");
        let output = Command::new("bash").args(["-c", &typed]).output().expect("bash runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{command}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        told.into_owned()
    }

    /// Has it forget the kind of exchange that lanes need, until the guard is dropped: as a node
    /// without that plugin, which would take a restart.
    pub fn without_consistent_hash(&self) -> Forgotten {
        consistent_hash("unregister(exchange, <<\"x-consistent-hash\">>)");
        Forgotten
    }

    /// Changes a setting of the node, until the guard is dropped. Channels take it as they open.
    pub fn with(&self, setting: &'static str, value: u64, usually: u64) -> Changed {
        set(setting, value);
        Changed { setting, usually }
    }
}

pub struct Alarm;

impl Drop for Alarm {
    fn drop(&mut self) {
        services(&["rabbitmqctl", NAME, "set_vm_memory_high_watermark", "0.4"]);
    }
}

pub struct Forgotten;

impl Drop for Forgotten {
    fn drop(&mut self) {
        let module = "rabbit_exchange_type_consistent_hash";
        consistent_hash(&format!("register(exchange, <<\"x-consistent-hash\">>, {module})"));
    }
}

fn consistent_hash(change: &str) {
    services(&["rabbitmqctl", NAME, "eval", &format!("rabbit_registry:{change}.")]);
}

pub struct Changed {
    setting: &'static str,
    usually: u64,
}

impl Drop for Changed {
    fn drop(&mut self) {
        set(self.setting, self.usually);
    }
}

fn set(setting: &str, value: u64) {
    // RabbitMQ 4 keeps a copy of some settings, which it looks at instead.
    let setting = format!(
        "application:set_env(rabbit, {setting}, {value}), \
         try persistent_term:get({setting}), persistent_term:put({setting}, {value}) catch _:_ -> none end."
    );
    services(&["rabbitmqctl", NAME, "eval", &setting]);
}

fn services(arguments: &[&str]) {
    let done = Command::new(SERVICES).args(arguments).stdout(Stdio::null()).status();
    assert!(done.expect("deploy/services runs").success(), "deploy/services {arguments:?}");
}
