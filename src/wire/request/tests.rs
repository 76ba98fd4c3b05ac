use super::*;
use proptest::prelude::*;
use serde_json::{Map, json};
use uuid::Uuid;

const ID: &str = "0190d5a2-7c7a-7cc0-8000-000000000001";
const FIELDS: [&str; 6] = ["v", "job_id", "client_id", "operation", "accepted_at", "params"];

fn message(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut message = json!({
        "v": 1, "job_id": ID, "client_id": "acme", "operation": "goods",
        "accepted_at": "2026-01-02T03:04:05.123456789Z",
        "params": {"goods_id": "g", "player_id": "p", "amount": 1},
    });
    change(&mut message);
    message.to_string().into_bytes()
}

/// Fields in this order, each with its value as it is written.
fn written(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn good() -> Vec<(&'static str, String)> {
    let message: Map<String, Value> = serde_json::from_slice(&message(|_| ())).expect("an object");
    FIELDS.into_iter().map(|name| (name, message[name].to_string())).collect()
}

/// Values of every type.
fn wrong(field: &str) -> Vec<&'static str> {
    let texts = [r#""TICKET""#, r#""""#];
    let others = ["true", "7", "1.5", "[]", r#"["TICKET"]"#, "{}", r#"{"a":"TICKET"}"#];
    match field {
        "params" => Vec::new(),
        "v" => [&texts[..], &["0", "2", "1.5", "-1", "true", "[1]", r#"{"a":1}"#]].concat(),
        _ => [&texts[..], &others].concat(),
    }
}

/// Whether its owner is told, and the reason names the field and quotes nothing.
#[track_caller]
fn assert_told(body: &str, field: &str) {
    let error = decode(body.as_bytes()).expect_err(body);
    assert!(error.reason.contains(field), "{body}: {}", error.reason);
    assert!(!error.reason.contains("TICKET"), "{body}: {}", error.reason);
    let known = error.known.unwrap_or_else(|| panic!("nobody is told: {body}"));
    assert_eq!((known.job_id.as_str(), known.client.as_str()), (ID, "acme"), "{body}");
}

#[test]
fn what_the_ingress_writes_the_worker_reads() {
    let job = decode(&message(|_| ())).expect("a job");
    let request = job.request.clone().expect("acceptable");
    let again = encode(&job.job_id, &job.client, job.operation, job.accepted_at, &request);
    assert_eq!(decode(&again), Ok(job));
}

#[test]
fn a_byte_order_mark_before_a_message_is_skipped() {
    let marked = [b"\xef\xbb\xbf", message(|_| ()).as_slice()].concat();
    assert_eq!(decode(&marked), decode(&message(|_| ())));
    assert_eq!(known(&marked), known(&message(|_| ())));
    assert!(decode(&[b"\xef\xbb\xbf", marked.as_slice()].concat()).is_err(), "one is enough");
}

#[test]
fn whatever_is_wrong_within_params_is_decided() {
    for (params, names) in [
        (r#"{"goods_id":"g","player_id":"p","amount":-5}"#, Refusal::Unacceptable(vec!["amount"])),
        (r#"{"goods_id":"g","player_id":null,"amount":1}"#, Refusal::Missing(vec!["player_id"])),
        (
            r#"{"goods_id":"g","player_id":"p","player_id":"p","amount":1}"#,
            Refusal::Unacceptable(vec!["player_id"]),
        ),
        ("null", Refusal::Missing(vec!["goods_id", "player_id", "amount"])),
        ("7", Refusal::Unacceptable(vec!["params"])),
        (r#""TICKET""#, Refusal::Unacceptable(vec!["params"])),
        (r#"[{"goods_id":"g"}]"#, Refusal::Unacceptable(vec!["params"])),
        (r#"{"amount":1e400}"#, Refusal::Unacceptable(vec!["params"])),
        (r#"{"player_id":"\ud800"}"#, Refusal::Unacceptable(vec!["params"])),
        (&format!("{}{}", "[".repeat(200), "]".repeat(200)), Refusal::Unacceptable(vec!["params"])),
    ] {
        let mut fields = good();
        fields[5].1 = params.to_owned();
        let job = decode(written(&fields).as_bytes()).unwrap_or_else(|e| panic!("{params}: {e}"));
        assert_eq!(job.request, Err(names), "{params}");
    }
    let missing = decode(written(&good()[..5]).as_bytes()).expect("a job");
    assert_eq!(missing.request, Err(Refusal::Missing(vec!["goods_id", "player_id", "amount"])));
}

#[test]
fn a_version_is_the_number_one_however_it_is_written() {
    for v in ["1", "1.0", "1e0", "10e-1"] {
        let mut fields = good();
        fields[0].1 = v.to_owned();
        assert_eq!(decode(written(&fields).as_bytes()), decode(&message(|_| ())), "{v}");
    }
}

#[test]
fn every_form_of_a_uuid_is_the_same_job() {
    let id = Uuid::parse_str(ID).expect("a UUID");
    let forms = [
        id.simple().to_string(),
        id.braced().to_string(),
        id.urn().to_string(),
        ID.to_uppercase(),
        id.simple().to_string().to_uppercase(),
    ];
    for form in forms {
        let changed = |field: &'static str, value: Value| {
            message(|m| {
                m["job_id"] = form.as_str().into();
                m[field] = value;
            })
        };
        assert_eq!(decode(&changed("v", 1.into())), decode(&message(|_| ())), "{form}");
        let dead = decode(&changed("operation", 7.into())).expect_err("no job").known;
        assert_eq!(
            dead.map(|known| (known.job_id, known.key)),
            Some((ID.to_owned(), id)),
            "{form}"
        );
    }
}

#[test]
fn a_field_of_another_kind_twice_or_missing_is_named_and_told() {
    for (at, name) in FIELDS.into_iter().enumerate() {
        let is_id = ["job_id", "client_id"].contains(&name);
        let field = format!("field {name}");
        for value in wrong(name) {
            let mut fields = good();
            fields[at].1 = value.to_owned();
            let body = written(&fields);
            if is_id {
                let error = decode(body.as_bytes()).expect_err(&body);
                assert!(error.reason.contains(&field), "{body}: {}", error.reason);
                assert!(!error.reason.contains("TICKET") && error.known.is_none(), "{body}");
            } else {
                assert_told(&body, &field);
            }
            // Twice, with the good one first or last.
            for place in [at, 6] {
                let mut fields = good();
                fields.insert(place, (name, value.to_owned()));
                assert_told(&written(&fields), &field);
            }
        }
        let mut fields = good();
        fields.push((name, good()[at].1.clone()));
        assert_told(&written(&fields), &field);
        for value in [None, Some("null")] {
            let mut fields = good();
            match value {
                Some(null) => fields[at].1 = null.to_owned(),
                None => drop(fields.remove(at)),
            }
            match name {
                "params" => assert!(decode(written(&fields).as_bytes()).is_ok()),
                _ if is_id => {
                    let error = decode(written(&fields).as_bytes()).expect_err("no job");
                    assert_eq!(error.reason, format!("field {name} is missing"));
                    assert_eq!(error.known, None);
                }
                _ => assert_told(&written(&fields), &format!("field {name} is missing")),
            }
        }
    }
}

#[test]
fn what_names_nobody_says_why() {
    let broken = |field: &str, value: Value| message(|m| m[field] = value);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![0xff, 0xfe], "not a request in JSON"),
        (b"".to_vec(), "not a request in JSON"),
        (b"{}".to_vec(), "field v is missing"),
        (br#"{"v":99}"#.to_vec(), "unknown version 99"),
        (b"[]".to_vec(), "not a request in JSON"),
        (br#""{\"v\":1}""#.to_vec(), "not a request in JSON"),
        ("[".repeat(5_000).into_bytes(), "not a request in JSON"),
        ("{".repeat(5_000).into_bytes(), "not a request in JSON"),
        (vec![b','; 100_000], "not a request in JSON"),
        (broken("job_id", "no uuid".into()), "field job_id"),
        (broken("client_id", "A B".into()), "field client_id"),
    ];
    for (body, reason) in cases {
        let error = decode(&body).expect_err(reason);
        assert!(error.reason.contains(reason), "{} has no {reason}", error.reason);
        assert_eq!(error.known, None, "{reason}");
    }
}

#[test]
fn times_that_can_be_neither_stored_nor_written_are_no_times() {
    for time in ["yesterday", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
        let body = message(|m| m["accepted_at"] = time.into());
        assert_told(
            &String::from_utf8(body).expect("JSON"),
            "field accepted_at is no RFC 3339 time",
        );
    }
}

/// What is no JSON, in the place of a value.
fn no_json() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "None",
        "True",
        "undefined",
        "'x'",
        "0x10",
        "01",
        ".5",
        "+1",
        "",
        "1 2",
        r#"{"a":NaN}"#,
        "[1,]",
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#""\x""#,
        "\"\t\"",
        "// x\n1",
        "\"a\" \"b\"",
    ])
}

proptest! {
    #[test]
    fn json_that_is_broken_in_another_field_hides_nobody(
        fields in Just(good()).prop_shuffle(), value in no_json(), at in 0..6_usize,
    ) {
        let mut fields = fields;
        let name = fields[at].0;
        prop_assume!(!["job_id", "client_id"].contains(&name));
        fields[at].1 = value.to_owned();
        assert_told(&written(&fields), &format!("field {name}"));
    }

    #[test]
    fn json_that_is_cut_short_hides_only_what_is_cut_off(
        fields in Just(good()).prop_shuffle(), cut: prop::sample::Index,
    ) {
        let whole = written(&fields);
        let body = &whole[..cut.index(whole.len())];
        let error = decode(body.as_bytes()).expect_err("it is cut");
        let has = |name: &str| {
            let field = fields.iter().find(|(of, _)| *of == name).expect("it is one of them");
            body.contains(&format!("{}:{}", json!(field.0), field.1))
        };
        prop_assert_eq!(error.known.is_some(), has("job_id") && has("client_id"), "{}", body);
    }

    #[test]
    fn more_behind_a_message_hides_nobody(more in "[\\]}x{\",:]{1,5}") {
        let body = written(&good()) + &more;
        assert_told(&body, "not a request in JSON");
    }

    #[test]
    fn fields_of_other_names_change_nothing(
        fields in Just(good()).prop_shuffle(), name in "[a-z]{2,6}", at in 0..6_usize, twice: bool,
    ) {
        prop_assume!(!FIELDS.contains(&name.as_str()));
        let mut fields = fields;
        for _ in 0..=usize::from(twice) {
            fields.insert(at, (name.as_str(), r#"{"job_id":"x","v":[7]}"#.to_owned()));
        }
        prop_assert_eq!(decode(written(&fields).as_bytes()), decode(&message(|_| ())));
    }
}
