//! README's first steps.

use crate::shell::{BLANK, Shell, after};
use harness::Site;
use harness::blocks::block;
use serde_json::Value;

/// From an empty database to a decision.
#[tokio::test]
async fn the_first_steps_of_the_readme_lead_to_a_decision() {
    let site = Site::open().await;
    let shell = Shell::of(&site, &[]);
    let process = site.serve().await;
    let here = process.http.trim_start_matches("http://");
    let (mut key, mut secret, mut token) = (String::new(), String::new(), String::new());
    for command in block("redeemq migrate") {
        let command = command
            .replace("localhost:8080", here)
            .replace(&format!("api_key={BLANK}"), &format!("api_key={key}"))
            .replace(&format!("api_secret={BLANK}"), &format!("api_secret={secret}"));
        let said = shell.run(&command);
        if command.contains("client create") {
            (key, secret) = (after(&said, "api_key").into(), after(&said, "api_secret").into());
        }
        if command.contains("/Auth") {
            let answer: Value = serde_json::from_str(&said).expect("JSON");
            token = answer["response"]["token"].as_str().expect("a token").to_owned();
        }
    }
    let shell = Shell::of(&site, &[("TOKEN", &token)]);
    let [first] = block("curl -s http://127.0.0.1:8080").try_into().expect("one command");
    let answer: Value =
        serde_json::from_str(&shell.run(&first.replace("127.0.0.1:8080", here))).expect("JSON");
    assert_eq!(answer["error_code"], "0000", "{answer}");
    assert_eq!(answer["response"]["events"][0]["goods_data"]["goods_id"], "espresso");
    site.close().await;
}
