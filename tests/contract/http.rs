//! The live ingress, asked by a tool that knows its document only.

use crate::schemas::assert_fits;
use harness::tools;
use harness::{Caller, Process, Role, Site};
use redeemq::ingress::routes::openapi;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/");

fn schemathesis() -> PathBuf {
    let all = include_str!("requirements.txt").lines().filter(|line| !line.starts_with('#'));
    tools::python("schemathesis", &all.collect::<Vec<_>>()).join("schemathesis")
}

/// A world in which the document's own examples are granted.
async fn world() -> Site {
    let site = Site::with_clients().await;
    let alice = "player_id,asset,amount\nalice,point,1000\n";
    site.import(&["players", "import", "--client", "acme", "--import-id", "alice"], alice);
    site.goods(
        "acme",
        "goods_id,name,group,price\nespresso,Espresso,,point=1\nfilm,Film,cinema-tickets,\n",
    );
    site.coupons("acme", "cinema-tickets", "code\nA\nB\nC\nD\nE\n");
    site.goods("@coke", "goods_id,name,group\ncola,Cola,\nclip,Clip,streaming-codes\n");
    site.coupons("@coke", "streaming-codes", "code\nV\nW\nX\nY\nZ\n");
    site
}

/// The tool tries the examples' pair, which is wrong here, more often than ten times a minute.
async fn patient(site: &Site) -> Process {
    site.start(Role::Serve, &[("REDEEMQ_AUTH_FAILURES", "1000")]).await
}

/// All that the tool tries, with this preference in each request; what it says about it.
async fn contradictions(caller: &Caller, prefer: &str) -> Result<(), String> {
    let mut command = Command::new(schemathesis());
    command.args(["--config-file", &format!("{HERE}schemathesis.toml"), "--no-color", "run"]);
    command.args(["--header", &format!("Authorization: Bearer {}", caller.token)]);
    command.args(["--header", &format!("Prefer: {prefer}")]);
    command.arg(format!("{}/openapi.json", caller.base)).current_dir(harness::places::scratch());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("joined");
    let output = output.expect("schemathesis runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[tokio::test]
async fn a_tool_that_knows_the_document_only_finds_no_contradiction_in_decisions() {
    let site = world().await;
    let process = patient(&site).await;
    let caller = site.caller(&process, "acme").await;
    contradictions(&caller, "wait=2").await.unwrap_or_else(|said| panic!("{said}"));
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn a_tool_that_knows_the_document_only_finds_no_contradiction_in_jobs() {
    let site = world().await;
    let process = patient(&site).await;
    let caller = site.caller(&process, "acme").await;
    contradictions(&caller, "wait=0").await.unwrap_or_else(|said| panic!("{said}"));
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn the_documents_examples_are_granted_as_it_tells() {
    let site = world().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let document: Value = caller.get("/openapi.json").await.body;
    assert_eq!(document, self::openapi());
    for path in ["goods", "goodsGroup", "goodsGroup/verify", "sponsor", "sponsorGroup"] {
        let path = format!("/Redeem/{path}");
        let about = &document["paths"][&path]["post"];
        let example = &about["requestBody"]["content"]["application/json"]["example"];
        let shape =
            |status: &str| &about["responses"][status]["content"]["application/json"]["schema"];
        let decided = caller.decide(&path, example).await;
        let wanted = if path.ends_with("verify") { "0602" } else { "0000" };
        assert_eq!(decided.said(), (200, wanted), "{}", decided.text);
        assert_fits(&document, shape("200"), &decided.body);
        let queued = caller.post(&path, example).await;
        assert_fits(&document, shape("202"), &queued.body);
        let refused = caller.post(&path, &json!({})).await;
        assert_fits(&document, shape("400"), &refused.body);
        let status = caller.settled(&queued.job_id()).await;
        let shape = &document["paths"]["/Redeem/jobs/{job_id}"]["get"]["responses"]["200"]["content"]
            ["application/json"]["schema"];
        assert_fits(&document, shape, &status.body);
    }
    site.close().await;
}

#[tokio::test]
async fn a_token_is_given_as_the_document_tells() {
    let site = Site::open().await;
    let created = site.json(&["client", "create", "acme"]);
    let pair = json!({"api_key": created["api_key"], "api_secret": created["api_secret"]});
    let process = site.serve().await;
    let stranger = Caller::stranger(&process);
    let document = openapi();
    for path in ["/Auth", "/Auth/renew"] {
        let answer = stranger.post(path, &pair).await;
        assert_eq!(answer.said(), (200, "0000"));
        let told = &document["paths"][path]["post"]["responses"]["200"]["content"];
        assert_fits(&document, &told["application/json"]["schema"], &answer.body);
    }
    site.close().await;
}

#[tokio::test]
async fn the_page_to_read_loads_nothing_from_elsewhere() {
    let site = world().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let page = caller.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text.contains("fetch('openapi.json')"));
    for elsewhere in ["http:", "https:", "src=", "url("] {
        assert!(!page.text.contains(elsewhere), "{elsewhere}");
    }
    site.close().await;
}
