//! What reads bytes and headers, without servers: nothing panics, and what is accepted says the same
//! when it is written again. Failing cases are shrunk.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use proptest::prelude::*;
use redeemq::domain::id::ClientId;
use redeemq::domain::params::Params;
use redeemq::domain::request::{self, Operation};
use redeemq::ingress::{body, headers};
use redeemq::wire::request::{decode, encode};
use serde_json::{Value, json};

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(Operation::ALL.to_vec())
}

/// Texts of all lengths and kinds, good ids among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", any::<String>(), "\\PC{0,140}", "[ \t\u{a0}]{0,3}", "[0-9+. -]{0,6}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1..10_002_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Parameters near to good ones of any operation.
fn params() -> impl Strategy<Value = Vec<(String, Value)>> {
    let names = [
        "goods_id",
        "group",
        "player_id",
        "amount",
        "goods_group",
        "coupon_code",
        "pin_hashes",
        "pin_code",
    ];
    let name =
        prop_oneof![8 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => text()];
    let value = prop_oneof![
        3 => "[a-z]{1,8}".prop_map(Value::from),
        3 => (1..10_001_i64).prop_map(Value::from),
        1 => Just(json!({"k": "h"})),
        1 => value(),
    ];
    prop::collection::vec((name, value), 0..8)
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![6 => Just(None), 1 => (0..6_usize, value()).prop_map(Some)];
    (operation(), params(), field, any::<u128>()).prop_map(|(operation, params, field, id)| {
        let params: Value = Value::Object(params.into_iter().collect());
        let mut message = json!({
            "v": 1, "job_id": uuid::Uuid::from_u128(id), "client_id": "acme", "operation": operation.as_str(),
            "accepted_at": "2026-01-02T03:04:05.123456Z", "params": params,
        });
        if let Some((at, value)) = field {
            message[["v", "job_id", "client_id", "operation", "accepted_at", "params"][at]] = value;
        }
        message.to_string().into_bytes()
    })
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (message(), prop::collection::vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        for (at, byte, kind) in changes {
            let at = at.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    })
}

fn read(media: &'static str, bytes: Vec<u8>) -> Option<Params> {
    let request = Request::builder().header("content-type", media).body(()).expect("a request");
    let (parts, ()) = request.into_parts();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(body::read(&parts, Body::from(bytes))).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_message_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_message_that_is_accepted_reads_the_same_when_it_is_written_again(bytes in mutated()) {
        if let Ok(job) = decode(&bytes)
            && let Ok(request) = &job.request
        {
            let again = encode(&job.job_id, &job.client, job.operation, job.accepted_at, request);
            prop_assert_eq!(decode(&again), Ok(job));
        }
    }

    #[test]
    fn what_is_wrong_with_a_message_is_said_briefly_and_without_its_texts(bytes in mutated()) {
        if let Err(undecodable) = decode(&bytes) {
            prop_assert!(undecodable.reason.len() < 200, "{}", undecodable.reason);
        }
    }

    #[test]
    fn a_form_says_what_the_same_json_says(
        operation in operation(),
        pairs in prop::collection::vec((prop::sample::select(vec!["goods_id", "group", "player_id", "amount", "coupon_code", "goods_group", "x"]), text()), 0..6),
    ) {
        let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let fields: Vec<String> =
            pairs.iter().map(|(name, text)| format!("{}:{}", json!(name), json!(text))).collect();
        let json = format!("{{{}}}", fields.join(","));
        let client = ClientId::parse("acme").expect("an id");
        let asks = |media, text: String| {
            read(media, text.into_bytes()).map(|params| request::Request::parse(operation, &client, &params))
        };
        let (form, json) = (asks("application/x-www-form-urlencoded", form), asks("application/json", json));
        prop_assert!(form.is_some());
        prop_assert_eq!(form, json);
    }

    #[test]
    fn no_bytes_make_a_body_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), near in mutated()) {
        for media in ["application/json", "application/x-www-form-urlencoded"] {
            for bytes in [&bytes, &near] {
                if let Some(params) = read(media, bytes.clone()) {
                    for operation in Operation::ALL {
                        let client = ClientId::parse("acme").expect("an id");
                        let _ = request::Request::parse(operation, &client, &params);
                    }
                }
            }
        }
    }

    #[test]
    fn a_header_is_read_within_its_bounds_or_not_at_all(
        values in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[ -~]{0,300}".prop_map(String::into_bytes),
            "(wait|Wait|x)? ?=? ?\"?[0-9]{0,25}\"?[,;]?( wait=[0-9]{1,3})?".prop_map(String::into_bytes),
        ], 0..3),
    ) {
        let mut map = HeaderMap::new();
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
            for name in ["x-any", "prefer", "authorization"] {
                map.append(name, value.clone());
            }
        }
        if let Ok(Some(text)) = headers::visible(&map, "x-any") {
            prop_assert!((1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()));
        }
        let _ = headers::bearer(&map);
        if let Some(wait) = headers::wait(&map) {
            prop_assert!((1..=30).contains(&wait.as_secs()));
        }
    }
}
