//! The live ingress, asked by a tool that knows its document only.

use crate::harness::Site;
use crate::schemas::assert_fits;
use crate::tools;
use redeemq::ingress::document::document;
use serde_json::{Value, json};
use std::process::Command;

const TOOL: &str = "schemathesis==4.32.5";

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

#[tokio::test]
async fn a_tool_that_knows_the_document_only_finds_no_contradiction() {
    let tool = tools::python("schemathesis", &[TOOL]).join("schemathesis");
    let site = world().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let mut command = Command::new(tool);
    command.args(["run", &format!("{}/openapi.json", process.http)]);
    // To JSON Schema 31.0 is an integer, to us it is none; and the same key with other content is refused
    // rightly. So that valid data is accepted is left to the test of the examples.
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    command.args(["--header", &format!("Authorization: Bearer {}", caller.token)]);
    command.args(["--header", "Prefer: wait=2", "--max-examples", "5", "--seed", "7"]);
    command.args(["--generation-codec", "ascii", "--generation-database", "none", "--no-color"]);
    command.current_dir(tools::folder());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("joined");
    let output = output.expect("schemathesis runs");
    let account = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{account}\n{said}");
    site.audit();
    site.close().await;
}

#[tokio::test]
async fn the_documents_examples_are_granted_as_it_tells() {
    let site = world().await;
    let process = site.serve().await;
    let caller = site.caller(&process, "acme").await;
    let document: Value = caller.get("/openapi.json").await.body;
    assert_eq!(document, self::document());
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
