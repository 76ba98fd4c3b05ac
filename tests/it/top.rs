//! `redeemq top`, as somebody sees it who sits before it.

use harness::terminal::Terminal;
use harness::{Bench, Caller, Process, Proxy, Request, Role, Site, eventually};
use lapin::types::AMQPValue;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;

/// As tmux writes it.
const RED: &str = "38;5;1m";
const SOON: (&str, &str) = ("REDEEMQ_LOOK_EVERY_SECONDS", "1");

/// An ingress and a worker, with a campaign of colas.
struct Stack {
    site: Site,
    ingress: Process,
    worker: Process,
}

impl Stack {
    async fn start() -> Self {
        let site = Site::with_clients().await;
        site.goods("acme", "goods_id,quantity\nmug,3\n");
        site.goods("@cola", "goods_id,quantity\ncola,40000\n");
        site.json(&["goods", "watch", "--sponsor", "cola", "cola"]);
        let (ingress, worker) =
            tokio::join!(site.start(Role::Ingress, &[SOON]), site.start(Role::Worker, &[SOON]));
        Self { site, ingress, worker }
    }

    fn addresses(&self) -> String {
        format!("{},{}", self.ingress.metrics_address(), self.worker.metrics_address())
    }

    /// Of a publisher, and of a client site that asks for more than there is, and for nothing at all.
    async fn load(&self) -> JoinHandle<()> {
        let caller = self.site.caller(&self.ingress, "acme").await;
        let bench = Bench::open(&self.site.amqp_url).await;
        bench.queue("results", Some("#"), &[("x-max-length", AMQPValue::LongInt(9))]).await;
        tokio::spawn(load(caller, bench))
    }

    async fn close(self) {
        drop((self.ingress, self.worker));
        self.site.close().await;
    }
}

async fn load(caller: Caller, bench: Bench) {
    for round in 0u64.. {
        let player = format!("p{}", round % 9 + 1);
        let params = |goods: &str| json!({"goods_id": goods, "player_id": player, "amount": 1});
        let jobs: Vec<Request> =
            (0..20).map(|_| Request::new("acme", "sponsor", &params("cola"))).collect();
        bench.publish_all(&jobs).await;
        caller.post("/Redeem/goods", &params("mug")).await;
        caller.post("/Redeem/goods", &json!({})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Words of the line that begins with this one.
fn words<'a>(screen: &'a str, first: &str) -> Vec<&'a str> {
    let halves = screen.lines().flat_map(|line| {
        let middle = line.char_indices().nth(41).map_or(line.len(), |(at, _)| at);
        [&line[..middle], &line[middle..]]
    });
    let of = halves.map(|half| half.split_whitespace().collect::<Vec<_>>());
    of.into_iter().find(|words| words.first() == Some(&first)).unwrap_or_default()
}

fn number(word: Option<&&str>) -> f64 {
    word.and_then(|word| word.replace(',', "").parse().ok()).unwrap_or(-1.0)
}

#[tokio::test]
async fn a_screen_under_load_tells_what_happens_and_who_has_gone_away() {
    let stack = Stack::start().await;
    let line = Proxy::before(&format!("{}/", stack.worker.metrics)).await;
    let worker = line.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let arguments = ["top", "--metrics", stack.ingress.metrics_address(), "--metrics", &worker];
    let terminal = Terminal::run(&arguments, &[("AMQP_URL", &stack.site.amqp_url)]);
    let idle = terminal.shows(&["2 of 2 processes answer", "no traffic yet", "common"]).await;
    assert!(!idle.contains("LATENCY") && idle.contains("q: quit"), "{idle}");

    let load = stack.load().await;
    let busy = terminal
        .until("rates of everything", |screen| {
            let goods = words(screen, "goods");
            let sponsor = words(screen, "sponsor");
            let cola = words(screen, "@cola/cola");
            number(goods.get(1)) > 0.0
                && number(goods.get(3)) > 0.0
                && number(sponsor.get(2)) > 50.0
                && number(words(screen, "published").get(1)) > 50.0
                && number(words(screen, "redeem.requests").get(2)) >= 1.0
                && number(cola.get(1)) < 40_000.0
                && number(cola.get(2)) > 50.0
                && cola.get(4).is_some_and(|unit| ["s", "min"].contains(unit))
                && screen.contains("goods        0604 Goods is not enough to redeem")
                && screen.contains("not accepted 0903 Invalid parameter")
        })
        .await;
    let latency = busy.lines().find(|line| line.starts_with("accepted to decided"));
    assert!(latency.is_some_and(|line| line.contains(" ms ")), "{busy}");
    assert!(busy.lines().count() == 24 && busy.contains("HEALTH"), "{busy}");

    terminal.resize(44, 50);
    terminal
        .until("all tables below each other", |screen| {
            screen.lines().any(|line| line.starts_with("QUEUES"))
        })
        .await;
    terminal.resize(80, 24);

    line.refuse();
    let away = format!("{worker} is down: Connection refused");
    terminal.shows(&[&away, "1 of 2 processes answer"]).await;
    assert!(terminal.coloured_screen().contains(RED), "{}", terminal.coloured_screen());
    line.mend();
    let is_well = |screen: &str| !screen.contains("is down") && screen.contains("2 of 2");
    terminal.until("it is back by itself", is_well).await;
    load.abort();
    stack.close().await;
}

/// What makes it crash, the status that it ends with, and what ends it.
type Ending = (&'static str, &'static str, fn(&Terminal));

#[tokio::test]
async fn however_it_ends_the_terminal_is_as_before() {
    let nobody = ["top", "--metrics", "127.0.0.1:1"];
    let endings: [Ending; 5] = [
        ("", "0", |terminal| terminal.press("q")),
        ("", "0", |terminal| terminal.press("Escape")),
        ("", "0", |terminal| terminal.press("C-c")),
        ("", "0", |terminal| terminal.signal("-TERM")),
        // When it sees the window grow.
        ("on_screen:panic:3", "101", |terminal| terminal.resize(90, 30)),
    ];
    let ending = endings.iter().map(async |(crash, status, end)| {
        let crash = [("REDEEMQ_CRASH", *crash)];
        let environment = if crash[0].1.is_empty() { &crash[..0] } else { &crash };
        let terminal = Terminal::run(&[&nobody[..], &["--every", "60"]].concat(), environment);
        let shown = terminal
            .shows(&["127.0.0.1:1 is down: Connection refused", "no process answers"])
            .await;
        assert!(!shown.contains("before"), "{shown}");
        end(&terminal);
        let ended = format!("ended with {status}");
        let after = terminal.shows(&["before", &ended, "icanon", "echo"]).await;
        assert!(!after.contains("-icanon") && !after.contains("-echo"), "{after}");
        assert_eq!(after.contains("failing on purpose"), *status == "101", "{after}");
    });
    futures_util::future::join_all(ending).await;
}

#[tokio::test]
async fn who_wants_no_colours_gets_none() {
    let nobody = ["top", "--metrics", "127.0.0.1:1"];
    for (flags, variable, is_red) in
        [(&[][..], "", true), (&[], "1", false), (&["--no-color"], "", false)]
    {
        let terminal = Terminal::run(&[&nobody[..], flags].concat(), &[("NO_COLOR", variable)]);
        terminal.shows(&["is down"]).await;
        let screen = terminal.coloured_screen();
        assert_eq!(screen.contains(RED), is_red, "{flags:?} {variable:?}: {screen}");
    }
}

// The load must go on while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_is_one_snapshot_as_text_or_as_json() {
    let stack = Stack::start().await;
    let addresses = format!("{},127.0.0.1:1", stack.addresses());
    let snapshot = || stack.site.json(&["top", "--metrics", &addresses]);
    let idle = snapshot();
    assert_eq!(idle["jobs_per_second"]["any_traffic"], false, "{idle}");
    let load = stack.load().await;
    let mut told = Value::Null;
    eventually("a snapshot under load has rates", async || {
        told = snapshot();
        let all = &told["jobs_per_second"]["all"];
        ["accepted", "decided", "refused"].iter().all(|what| all[*what].as_f64() > Some(0.0))
            && told["accepted_to_decided_seconds"]["p99"].as_f64() > Some(0.0)
            && told["refusals"].as_array().is_some_and(|all| all.len() == 2)
    })
    .await;
    let processes = told["processes"].as_array().expect("processes");
    assert_eq!(processes.iter().filter(|process| process["version"] == "0.1.0").count(), 2);
    assert!(processes.iter().any(|process| process["away"] == "Connection refused"), "{told}");
    let names: Vec<&Value> =
        told["queues"].as_array().into_iter().flatten().map(|queue| &queue["queue"]).collect();
    assert_eq!(
        names,
        ["redeem.requests", "redeem.requests.spare", "redeem.dead", "redeem.dead.notices"]
    );
    assert!(told["watched"][0]["remaining"].as_f64() < Some(40_000.0), "{told}");
    assert_eq!(told["lanes"][0]["lane"], "common");

    let output = stack.site.run(&["top", "--once", "--metrics", &addresses]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in [
        "2 of 3 processes answer",
        "127.0.0.1:1 is down: Connection refused !",
        "LATENCY",
        "@cola/cola",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    load.abort();
    assert_eq!(stack.site.run(&["top", "--metrics", "127.0.0.1:1"]).status.code(), Some(1));
    assert_eq!(stack.site.run(&["top", "--metrics", "nowhere"]).status.code(), Some(2));
    stack.close().await;
}
