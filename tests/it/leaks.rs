//! Secrets stay secret: every test searches what its processes print (see `harness::leaks`); here is
//! what is printed when things are typed wrong, and that the search finds what it should.

use harness::rights::{PASSWORD, as_user};
use harness::{Bench, Request, Site, eventually, leaks, mug};
use redeemq::domain::id::{ClientId, Id};
use redeemq::domain::operation::Operation;
use redeemq::domain::outcome::GrantedCode;
use redeemq::domain::params::Params;
use redeemq::domain::request;
use redeemq::domain::state::{Branch, Changes, Coupon, FreeCode, PinFailure, State};
use secrecy::SecretString;
use serde_json::json;

/// Neither short nor a word.
const TYPED: &str = "hunter2-in-a-URL";

/// URLs with a slip of the pen in them, or for servers that are not there.
fn mistyped(scheme: &str, server: &str) -> Vec<String> {
    let user = format!("someone:{TYPED}");
    vec![
        format!("{scheme}//{user}@{server}/x"),
        format!("{scheme}:/{user}@{server}/x"),
        format!("{scheme}:{user}@{server}/x"),
        format!("{user}@{server}/x"),
        format!("{TYPED}"),
        format!("http://{user}@{server}/x"),
        format!("{scheme}://{user}@{server}:x/x"),
        format!("{scheme}://{user}@127.0.0.1:99999/x"),
        format!("{scheme}://{user}@127.0.0.1:1/x"),
        format!("{scheme}://{user}@no such host/x"),
        format!("{scheme}://{user}@{server}/x/y/z"),
        format!("{scheme}://{user}@{server}/x"),
        format!("{scheme}://{user}@{server}/%ff%zz"),
        format!("{scheme}://some one:{TYPED}@{server}/x"),
        format!("{scheme}://{user}%zz@{server}/x"),
        format!("{scheme}://{user}@@{server}/x"),
        format!("{scheme}://{user}@{server}/x?sslmode={TYPED}"),
        format!("{scheme}://{user}@{server}/x?heartbeat={TYPED}"),
        format!("{scheme}://{user}@{server}/x?password={TYPED}&{TYPED}=1"),
        format!("{scheme}s://{user}@127.0.0.1:1/x"),
    ]
}

fn server_of(url: &str) -> &str {
    let (_, server) = url.rsplit_once('@').expect("a user");
    server.split('/').next().expect("a server")
}

#[tokio::test]
async fn a_url_typed_wrong_is_an_error_that_names_the_variable_and_not_the_password() {
    let site = Site::open().await;
    leaks::keep(&site.name, TYPED);
    for url in mistyped("postgres", server_of(&site.database_url)) {
        let output = site.run_with(&["client", "list"], &[("DATABASE_URL", &url)]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url}: {complaint}");
        assert!(complaint.contains("DATABASE_URL"), "{url}: {complaint}");
        leaks::search_once(&site.name, &String::from_utf8_lossy(&output.stdout));
    }
    for url in mistyped("amqp", server_of(&site.amqp_url)) {
        let output = site.run_with(&["dead", "list"], &[("AMQP_URL", &url)]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url}: {complaint}");
        assert!(complaint.contains("AMQP_URL"), "{url}: {complaint}");
        leaks::search_once(&site.name, &String::from_utf8_lossy(&output.stdout));
    }
    site.close().await;
}

#[tokio::test]
async fn a_secret_is_printed_once_by_the_command_that_makes_it_and_by_no_other() {
    let site = Site::open().await;
    for command in [&["client", "create", "acme"][..], &["client", "create", "zeta", "--json"]] {
        let output = site.run(command);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed.matches("api_secret").count(), 1, "{printed}");
    }
    // By the binary, which logs: other tests make what they start with in their own process.
    for (command, rows) in [
        (&["goods", "import", "--client", "acme"][..], "goods_id,name,group\nfilm,Film,tickets\n"),
        (
            &["coupons", "import", "--client", "acme", "--group", "tickets"],
            "code\nTICKET-0001\nTICKET-0002\n",
        ),
        (
            &["players", "import", "--client", "acme", "--import-id", "1"],
            "player_id,asset,amount\np1,point,1\n",
        ),
    ] {
        let file = site.file(rows);
        site.json(&[command, &[file.to_str().expect("a path in UTF-8")]].concat());
    }
    let cinema = ["--merchant", "Mart", "--branch", "Riverside", "--group", "tickets"];
    site.json(&[&["branch", "create", "--client", "acme"], &cinema[..]].concat());
    site.json(&["branch", "new-pin", "1"]);
    site.secrets().await.iter().for_each(|secret| leaks::keep(&site.name, secret));

    for command in [
        &["client", "list"][..],
        &["client", "create", "acme"],
        &["client", "disable", "acme"],
        &["branch", "list"],
        &["branch", "disable", "1"],
        &["audit"],
        &["--help"],
        &["client", "list", "--help"],
    ] {
        for json in [&[][..], &["--json"]] {
            let output = site.run(&[command, json].concat());
            leaks::search_once(&site.name, &String::from_utf8_lossy(&output.stdout));
        }
    }
    site.close().await;
}

#[tokio::test]
async fn a_message_that_is_no_request_is_dead_for_a_reason_that_quotes_nothing_of_it() {
    let site = Site::with_clients().await;
    leaks::keep(&site.name, "TICKET-0001");
    let process = site.serve().await;
    let bench = Bench::open(&site.amqp_url).await;
    let verify = json!({"goods_group": "g", "coupon_code": "TICKET-0001", "pin_hashes": {}});
    let twice_encoded = Request::new("acme", "verify", &json!(verify.to_string()));
    for request in [
        twice_encoded,
        mug("acme").with("v", json!("TICKET-0001")),
        mug("acme").with("job_id", json!(["TICKET-0001"])),
        mug("acme").with("operation", json!("TICKET-0001")),
        Request::raw(br#""TICKET-0001""#),
    ] {
        bench.publish(&request).await;
    }
    eventually("all but the params of another type are dead", async || {
        bench.depth("redeem.dead").await == 4
    })
    .await;
    let reasons = sqlx::query_scalar::<_, String>("select reason from dead_job");
    for reason in reasons.fetch_all(&site.store).await.expect("reasons") {
        leaks::search(&site.name, reason);
    }
    drop(process);
    site.close().await;
}

#[test]
fn nothing_that_is_shown_for_debugging_shows_a_code_or_a_hash() {
    let acme = ClientId::parse("acme").expect("a client id");
    let fields =
        json!({"goods_group": "g", "coupon_code": "TICKET-0001", "pin_hashes": {"k": "a-hash"}});
    let params: Params = serde_json::from_value(fields).expect("parameters");
    let request = request::Request::parse(Operation::Verify, &acme, &params).expect("a request");
    let code = Id::parse("TICKET-0001").expect("a code");
    let now = redeemq::wire::now();
    let mut state = State::default();
    state.coupons.insert((1, code.clone()), Coupon { holder: None, valid_until: None, used: None });
    state.free_codes.entry(1).or_default().loaded.push_back(FreeCode {
        code: code.clone(),
        shown: Some(code.clone()),
        expires_at: None,
    });
    let failure = PinFailure { code: code.clone(), at: now, forgiven: false };
    state.pin_failures.insert((acme.clone(), 1), vec![failure]);
    let branch = Branch { row: 1, name: "b".into(), key_id: "k".into(), pin_hash: "a-hash".into() };
    state.branches.insert(1, vec![branch]);
    let changes = Changes { pin_resets: vec![(acme, 1, code.clone())], ..Changes::default() };
    let granted = GrantedCode { code, expires_at: None };
    let credentials = SecretString::from("a-hash");

    let shown = format!("{params:?} {request:?} {state:?} {changes:?} {granted:?} {credentials:?}");
    assert!(!shown.contains("TICKET") && !shown.contains("a-hash"), "{shown}");
}

#[test]
fn the_search_finds_a_secret_in_text_and_in_bytes_and_no_number_that_looks_like_one() {
    let found = |text: &str| {
        let searching = || leaks::search_once("the search", text);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(searching)).is_err()
    };
    let hash = "0123456789abcdef0123456789abcdef";
    leaks::keep_fields(
        "the search",
        &json!({"pin_code": "123456", "nested": [{"code": "TICKET"}]}),
    );
    leaks::keep_fields("the search", &json!({"pin_hashes": {"key": hash}}));
    leaks::keep_password("the search", &as_user("amqp://h/v", "name", PASSWORD));
    leaks::keep_password("the search", "amqp://guest:guest@h/v");

    for leak in [
        "pin 123456",
        r#"{\"pin_code\":\"123456\"}"#,
        "Verify { code: Id(\"TICKET\") }",
        "[49, 50, 51, 52, 53, 54]",
        "a0123456789abcdef0123456789abcdef0",
        "amqp://name:the-password-of-every-test-user@h/v",
    ] {
        assert!(found(leak), "{leak}");
    }
    for chance in ["at 0.1234567 s", "t_123456ab", "TICKETS", "guest", "149, 50, 51, 52, 53, 54"] {
        assert!(!found(chance), "{chance}");
    }
}
