//! What reads bytes and headers, without servers: nothing panics, and what is accepted says the same
//! when it is written again. Failing cases are shrunk.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use proptest::prelude::*;
use redeemq::domain::id::ClientId;
use redeemq::domain::operation::Operation;
use redeemq::domain::params::Params;
use redeemq::domain::request;
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

/// Ids that are good, however odd they look, and now and then one that is not.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[a-z]{1,8}", 6 => " ?\\PC{1,20} ?", 1 => text()]
}

/// Parameters of an operation, mostly good, as texts.
fn params() -> impl Strategy<Value = (Operation, Vec<(String, String)>)> {
    let amount =
        prop_oneof![6 => (1..10_001_i64).prop_map(|amount| amount.to_string()), 1 => text()];
    let more = prop::collection::vec((text(), text()), 0..2);
    (operation(), id(), id(), amount, more).prop_map(|(operation, first, second, amount, more)| {
        let names = match operation {
            Operation::Goods | Operation::Sponsor => ["goods_id", "player_id"],
            Operation::GoodsGroup | Operation::SponsorGroup => ["group", "player_id"],
            Operation::Verify => ["goods_group", "coupon_code"],
        };
        let ids = names.map(str::to_owned).into_iter().zip([first, second]);
        let amount = ("amount".to_owned(), amount);
        (operation, ids.chain([amount]).chain(more).collect())
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let odd = |values: std::ops::Range<usize>| prop_oneof![6 => Just(None), 1 => (values, value()).prop_map(Some)];
    (params(), odd(0..6), odd(0..4), any::<u128>()).prop_map(|((operation, params), field, param, id)| {
        let params = params.into_iter().map(|(name, text)| (name, Value::from(text)));
        let mut params = Value::Object(params.collect());
        params["pin_hashes"] = json!({"k": "h"});
        if let Some((at, value)) = param {
            params[["goods_id", "player_id", "amount", "pin_hashes"][at]] = value;
        }
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
    fn a_form_says_what_the_same_json_says((operation, pairs) in params()) {
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
