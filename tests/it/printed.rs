//! Nothing that a broker, a database or another process has been given acts on the terminal of who looks.

use harness::{Bench, Request, Site};
use lapin::types::{AMQPValue, FieldTable};
use redeemq::printable::is_printable;
use serde_json::Value;
use std::process::Output;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// One of each kind: escape sequences of seven and of eight bits, a title, a bell, a line end, marks that
/// turn the order round, that part words, and that nobody sees.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\u{1b}]0;t\u{7}\r\n\ty\u{7f}\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{ad}\u{e0041}z";

/// Both streams, of which every line is printable.
fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(both).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().all(is_printable), "{line:?}");
    }
    text
}

/// Runs it as people do, and as programs do; says what people see, and its JSON.
fn both(site: &Site, arguments: &[&str]) -> (String, Value) {
    let text = said(&site.run(arguments));
    assert!(!text.contains("panicked"), "{text}");
    let json = site.run(&[arguments, &["--json"]].concat());
    said(&json);
    (text, serde_json::from_slice(&json.stdout).unwrap_or_default())
}

/// A process that serves this page of metrics, whoever asks.
async fn page(text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{text}", text.len());
            _ = caller.read(&mut [0; 4096]).await;
            _ = caller.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_dead_letter_is_shown_as_it_is_and_does_nothing() {
    let site = Site::open().await;
    let bench = Bench::open(&site.amqp_url).await;
    bench.declare().await;
    let mut letter = Request::raw(HOSTILE.as_bytes());
    let mut headers = FieldTable::default();
    for name in ["x-redeemq-reason", "x-redeemq-dead-at", "x-other"] {
        headers.insert(name.into(), AMQPValue::LongString(HOSTILE.into()));
    }
    letter.properties = letter.properties.with_message_id(HOSTILE.into()).with_headers(headers);
    bench.put("redeem.dead", &letter).await;
    harness::eventually("it lies there", async || bench.depth("redeem.dead").await == 1).await;

    let (text, json) = both(&site, &["dead", "list"]);
    assert!(text.contains("\\u{1b}[2J") && text.contains("\\u{202e}"), "{text}");
    assert_eq!((&json[0]["id"], &json[0]["reason"]), (&HOSTILE.into(), &HOSTILE.into()));
    let (text, json) = both(&site, &["dead", "show", HOSTILE]);
    assert!(text.contains("\\u{9b}31m"), "{text}");
    assert_eq!(json[0]["body"], HOSTILE);
    both(&site, &["dead", "show", &format!("no{HOSTILE}")]);
    both(&site, &["dead", "replay", HOSTILE, "--restamp"]);
    let (text, json) = both(&site, &["dead", "replay", "--all", "--dry-run"]);
    assert!(text.contains("would be"), "{text}");
    assert_eq!(json[0]["id"], HOSTILE);
    site.close().await;
}

#[tokio::test]
async fn names_from_a_database_or_a_file_do_nothing() {
    let site = Site::with_clients().await;
    let old = HOSTILE.replace('\'', "''");
    for sql in [
        format!(
            "insert into client (client_id, name, api_key, api_secret_hash) values ('old', '{old}', 'old', '')"
        ),
        format!(
            "insert into goods (scope, goods_id, name, group_name) values ('acme', '{old}', '{old}', 'G')"
        ),
        format!(
            "insert into goods (scope, sponsor, goods_id, name) values ('*', '{old}', 'theirs', '{old}')"
        ),
        format!(
            "insert into branch (scope, merchant, name, key_id, pin_hash) values ('acme', '{old}', '{old}', 'k', '00')"
        ),
        "insert into watched_goods select id from goods where goods_id = 'theirs'".to_owned(),
    ] {
        site.tamper(&sql).await;
    }
    let (text, json) = both(&site, &["client", "list"]);
    assert!(text.contains("\\u{202e}"), "{text}");
    assert!(
        json.as_array().expect("a list").iter().any(|client| client["name"] == HOSTILE),
        "{json}"
    );
    assert!(both(&site, &["branch", "list"]).0.contains("\\u{202e}"));
    assert!(both(&site, &["goods", "watched"]).0.contains("\\u{202e}"));

    let import = |owner: [&str; 2], rows: &str| {
        let file = site.file(rows);
        let file = file.to_str().expect("a path in UTF-8").to_owned();
        both(&site, &["goods", "import", owner[0], owner[1], &file])
    };
    let file = format!("goods_id,group,price\nnew,G,\n\"{HOSTILE}\",,\np,,\"{HOSTILE}\"\n");
    let (text, json) = import(["--client", "acme"], &file);
    assert!(text.contains("line 2: group `G` belongs to goods `x\\u{1b}[2J"), "{text}");
    assert_eq!(json["bad_rows"], 3, "{json}");
    assert!(import(["--sponsor", "cola"], "goods_id\ntheirs\n").0.contains("\\u{202e}"));
    import(["--client", HOSTILE], "goods_id\na\n");
    both(&site, &["goods", "import", "--client", "acme", HOSTILE]);
    both(&site, &[HOSTILE]);
    site.close().await;
}

// The page must be served while the command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn labels_of_another_process_do_nothing() {
    let site = Site::open().await;
    let label = HOSTILE.replace(['\r', '\n', '\u{85}', '\u{2028}'], "");
    let metrics = page(format!(
        "redeemq_build_info{{version=\"{label}\"}} 1
redeemq_accepted_total{{operation=\"{label}\"}} 1
redeemq_decided_total{{operation=\"{label}\",code=\"{label}\"}} 1
redeemq_results_total{{outcome=\"{label}\"}} 1
redeemq_queue_messages{{queue=\"{label}\"}} 1
redeemq_lanes_consuming{{lane=\"{label}\"}} 1
redeemq_goods_remaining{{owner=\"{label}\",goods=\"{label}\"}} 1\n"
    ))
    .await;
    let (text, json) = both(&site, &["top", "--once", "--metrics", &metrics]);
    assert!(text.contains("1 of 1 process answers") && text.contains("\\u{202e}"), "{text}");
    let goods = json["watched"][0]["goods"].as_str().unwrap_or_default();
    assert!(goods.starts_with('x') && goods.contains('\u{202e}') && goods.ends_with('z'), "{json}");
    site.close().await;
}
