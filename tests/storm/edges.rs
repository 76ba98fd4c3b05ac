//! The bounds of the contract, each from both sides, over HTTP.

use harness::{Answer, Caller, Process, Role, Site};
use reqwest::Method;
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

pub async fn front_door() -> (Site, Process, Caller) {
    let site = Site::open().await;
    let process = site.start(Role::Ingress, &[]).await;
    let caller = Caller::with_minted_token(&process, "acme", 0);
    (site, process, caller)
}

async fn post(caller: &Caller, media: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = caller.request(Method::POST, "/Redeem/goods").body(body.into());
    caller.send(request.header("Content-Type", media)).await
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn an_id_has_1_to_128_bytes_wherever_its_characters_end_in_form_and_json() {
    let (site, _process, caller) = front_door().await;
    let blank = ["", " ", "\u{a0}", "\u{3000}\t"];
    let good = [
        "x",
        "0",
        "\u{2003}x\n",
        "null",
        "\u{ffff}",
        "\u{10ffff}",
        "a/b?c=d&e%20",
        &"x".repeat(128),
        &"é".repeat(64),
        &format!("{}é", "x".repeat(126)),
        &"字".repeat(42),
        &"😀".repeat(32),
        &format!("{}😀", "x".repeat(124)),
    ];
    let bad = [
        "\0",
        "\u{feff}",
        "\u{202e}",
        "x\u{ad}y",
        "a\u{7f}",
        "a\u{85}b",
        "a\nb",
        &"x".repeat(129),
        &"é".repeat(65),
        &"字".repeat(43),
        &format!("{}é", "x".repeat(127)),
        &format!("{}😀", "x".repeat(125)),
        &"x".repeat(10_000),
    ];
    let all = blank.map(|id| (id, (400, "0903"))).into_iter();
    let all =
        all.chain(good.map(|id| (id, (202, "0000")))).chain(bad.map(|id| (id, (400, "2302"))));
    for (id, expected) in all {
        let json = json!({"goods_id": "mug", "player_id": id, "amount": 1}).to_string();
        let form = format!("goods_id=mug&amount=1&player_id={}", percent_encoded(id));
        assert_eq!(post(&caller, JSON, json).await.said(), expected, "{id:?} in JSON");
        if form.len() <= 16 * 1024 {
            assert_eq!(post(&caller, FORM, form).await.said(), expected, "{id:?} in a form");
        }
    }
    site.close().await;
}

#[tokio::test]
async fn what_is_no_text_is_refused_in_a_form_and_in_json() {
    let (site, _process, caller) = front_door().await;
    for (sent, expected) in [
        ("%ff", (400, "2302")),
        ("%c3%28", (400, "2302")),
        ("%", (202, "0000")),
        ("%zz", (202, "0000")),
        ("\u{fffd}", (202, "0000")),
    ] {
        let form = format!("goods_id=mug&player_id={sent}&amount=1");
        assert_eq!(post(&caller, FORM, form).await.said(), expected, "{sent}");
    }
    let body = b"{\"goods_id\":\"mug\",\"player_id\":\"\xff\",\"amount\":1}".to_vec();
    assert_eq!(post(&caller, JSON, body).await.said(), (400, "2302"));
    for escape in [r"\ud800", r"\udc00\ud800", r"\u12", r"\x41"] {
        let body = format!(r#"{{"goods_id":"mug","player_id":"{escape}","amount":1}}"#);
        assert_eq!(post(&caller, JSON, body).await.said(), (400, "2302"), "{escape}");
    }
    let with_mark =
        format!("\u{feff}{}", json!({"goods_id": "mug", "player_id": "p", "amount": 1}));
    assert_eq!(post(&caller, JSON, with_mark).await.said(), (202, "0000"), "a byte order mark");
    site.close().await;
}

#[tokio::test]
async fn an_amount_is_digits_or_a_whole_number_of_json_however_that_is_written() {
    let (site, _process, caller) = front_door().await;
    let with = |amount: &str| format!(r#"{{"goods_id":"mug","player_id":"p","amount":{amount}}}"#);
    let good = [
        "1",
        "10000",
        "1.0",
        "1e0",
        "1e3",
        "1E+1",
        "\"1\"",
        "\"01\"",
        "\"0000000000000000000010000\"",
    ];
    for good in good {
        assert_eq!(post(&caller, JSON, with(good)).await.said(), (202, "0000"), "{good}");
    }
    let bad = [
        "0",
        "-0",
        "-1",
        "10001",
        "10001.0",
        "1e5",
        "0.5",
        "9223372036854775808",
        "01",
        "+1",
        "1e400",
        "0x1",
        "NaN",
        "true",
        "[1]",
        "{}",
        "\"0\"",
        "\"-0\"",
        "\"+1\"",
        "\" 1\"",
        "\"1 \"",
        "\"1.0\"",
        "\"1e3\"",
        "\"１\"",
        "\"٣\"",
        "\"1\\u0000\"",
        "\"10001\"",
        "\"99999999999999999999\"",
    ];
    for bad in bad {
        assert_eq!(post(&caller, JSON, with(bad)).await.said(), (400, "2302"), "{bad}");
    }
    for missing in ["null", "\"\"", "\" \""] {
        assert_eq!(post(&caller, JSON, with(missing)).await.said(), (400, "0903"), "{missing}");
    }
    let form = |amount: &str| format!("goods_id=mug&player_id=p&amount={amount}");
    for (amount, expected) in [
        ("1", (202, "0000")),
        ("01", (202, "0000")),
        ("+1", (400, "2302")),
        ("%2B1", (400, "2302")),
        ("1%00", (400, "2302")),
        ("1.0", (400, "2302")),
        ("", (400, "0903")),
        ("+", (400, "0903")),
    ] {
        assert_eq!(post(&caller, FORM, form(amount)).await.said(), expected, "{amount}");
    }
    site.close().await;
}

#[tokio::test]
async fn a_body_in_json_has_16_kib_as_well_and_chunks_count_together() {
    let (site, _process, caller) = front_door().await;
    let body = |length: usize| {
        let start = r#"{"goods_id":"mug","player_id":"p","amount":1,"more":""#;
        format!("{start}{}\"}}", "x".repeat(length - start.len() - 2))
    };
    assert_eq!(post(&caller, JSON, body(16 * 1024)).await.said(), (202, "0000"));
    assert_eq!(post(&caller, JSON, body(16 * 1024 + 1)).await.said(), (413, "2302"));
    for (length, status) in [(16 * 1024, 202), (16 * 1024 + 1, 413)] {
        let body = body(length);
        let token = &caller.token;
        let head = format!(
            "POST /Redeem/goods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let chunks = body.as_bytes().chunks(4_096);
        let chunks = chunks
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
        let mut line = crate::http_line::Line::open(&caller.base).await;
        line.send(format!("{head}{}0\r\n\r\n", chunks.collect::<String>()).as_bytes())
            .await
            .expect("sent");
        assert_eq!(line.reply(false).await.expect("an answer").status, status, "{length}");
    }
    site.close().await;
}

#[tokio::test]
async fn an_api_key_that_no_database_can_read_is_the_callers_fault() {
    let (site, _process, caller) = front_door().await;
    for (key, expected) in [
        ("a\0b", (400, "2302")),
        ("a\nb", (400, "2302")),
        (&"x".repeat(129), (400, "2302")),
        (" ", (400, "0903")),
        ("'; drop table client; --", (401, "0001")),
        ("\u{ffff}", (401, "0001")),
    ] {
        let pair = json!({"api_key": key, "api_secret": "s\0"});
        assert_eq!(caller.post("/Auth", &pair).await.said(), expected, "{key:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn questions_after_what_is_no_job_id_are_404() {
    let (site, _process, caller) = front_door().await;
    let uuid = uuid::Uuid::now_v7();
    let long = "x".repeat(8_000);
    for id in [
        "-",
        "%00",
        "%ff",
        "%c3%28",
        "%",
        "%2f",
        "..%2f..",
        "null",
        &long,
        &uuid.to_string(),
        &"A".repeat(54),
    ] {
        let answer = caller.get(&format!("/Redeem/jobs/{id}")).await;
        assert_eq!(answer.said(), (404, "3002"), "{id}");
        assert_eq!(answer.body["response"], Value::Null);
    }
    site.close().await;
}
