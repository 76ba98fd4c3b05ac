//! Heads of requests, byte by byte: what a proxy might read otherwise than we do is refused.

use harness::{Process, Raw, Role, Site};
use serde_json::Value;
use std::time::Duration;

const LIVEZ: &str = "GET /livez HTTP/1.1\r\n";
/// Behind the head that is looked at: nobody may take it for a request.
const SMUGGLED: &str = "GET /readyz HTTP/1.1\r\nHost: smuggled\r\n\r\n";

/// What is answered to text that comes in these pieces, until the connection ends.
async fn answered(base: &str, pieces: &[&str]) -> String {
    let mut raw = Raw::to(base).await;
    for (n, piece) in pieces.iter().enumerate() {
        if n > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        raw.send(piece).await;
    }
    let (answer, after) = raw.until_closed().await;
    assert!(after < Duration::from_secs(5), "closed after {after:?}: {answer}");
    answer
}

/// Fails unless it is refused with 400, once, and the connection ends.
fn assert_refused(head: &str, answer: &str) {
    let statuses: Vec<&str> = answer.matches("HTTP/1.1 ").collect();
    assert!(answer.starts_with("HTTP/1.1 400") && statuses.len() == 1, "{head:?}: {answer:?}");
}

async fn ingress(site: &Site) -> Process {
    site.start(Role::Ingress, &[]).await
}

#[tokio::test]
async fn a_bare_lf_ends_no_line_of_a_head() {
    let site = Site::open().await;
    let process = ingress(&site).await;
    let body = "POST /Auth HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na\nb";
    let chunks = "POST /Auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\na\nb\r\n0\r\n\r\n";
    let heads = [
        "GET /livez HTTP/1.1\nHost: x\n\n",
        "GET /livez HTTP/1.1\nHost: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\n\n",
        "GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nX: y\n\tz\r\nHost: x\r\n\r\n",
        "GET /livez\nHTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\nHost: x\r\n\r\n",
        "\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /livez HTTP/1.0\n\n",
    ];
    for base in [&process.http, &process.metrics] {
        for head in heads {
            let smuggling = format!("{head}{SMUGGLED}");
            assert_refused(head, &answered(base, &[&smuggling]).await);
            // In two pieces, wherever it breaks; nothing comes behind it.
            let cut = head.find('\n').expect("a line end");
            for at in [cut, cut + 1] {
                let (first, second) = head.split_at(at);
                assert_refused(head, &answered(base, &[first, second]).await);
            }
        }
    }
    // Not the first request either, whatever body is before it.
    for before in ["GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", body, chunks] {
        let text = format!("{before}GET /livez HTTP/1.1\nHost: x\n\n");
        let answer = answered(&process.http, &[&text]).await;
        let statuses: Vec<&str> =
            answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert!(statuses.len() == 2 && statuses[1] == "400", "{before:?}: {answer:?}");
    }
    // In bodies it is a byte as any other.
    for before in [body, chunks] {
        let text = format!("{before}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = answered(&process.http, &[&text]).await;
        assert!(answer.ends_with("alive\n"), "{before:?}: {answer:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn http_1_1_says_one_host() {
    let site = Site::open().await;
    let process = ingress(&site).await;
    for headers in [
        "",
        "X: y\r\n",
        "Host: x\r\nHost: x\r\n",
        "Host: x\r\nHost: y\r\n",
        "Host: x\r\nhOST: y\r\n",
        "Host:\r\nHost:\r\n",
        "Host: x, y\r\n",
        "Host: x y\r\n",
        "Host: user@x\r\n",
        "Host: http://x/\r\n",
    ] {
        for path in ["/livez", "/Redeem/goods", "/nowhere", "http://x/livez"] {
            let head = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
            let answer = answered(&process.http, &[&format!("{head}{SMUGGLED}")]).await;
            assert_refused(&head, &answer);
            let body = answer.split_once("\r\n\r\n").expect("a body").1;
            let body: Value = serde_json::from_str(body).expect("the envelope");
            assert_eq!(body["error_code"], "2302", "{head:?}: {body}");
            assert!(body["message"].as_str().is_some_and(|said| said.contains("Host")), "{body}");
        }
        let head = format!("{LIVEZ}{headers}\r\n");
        assert_refused(&head, &answered(&process.metrics, &[&head]).await);
    }
    for (line, headers) in [
        (LIVEZ, "Host:\r\n"),
        (LIVEZ, "Host: x:80\r\n"),
        (LIVEZ, "Host: [::1]:8080\r\n"),
        ("GET http://y/livez HTTP/1.1\r\n", "Host: x\r\n"),
        ("GET /livez HTTP/1.0\r\n", ""),
        ("GET /livez HTTP/1.0\r\n", "Host: x\r\n"),
    ] {
        for base in [&process.http, &process.metrics] {
            let head = format!("{line}{headers}Connection: close\r\n\r\n");
            let answer = answered(base, &[&head]).await;
            assert!(answer.contains(" 200 OK"), "{head:?}: {answer:?}");
        }
    }
    site.close().await;
}
