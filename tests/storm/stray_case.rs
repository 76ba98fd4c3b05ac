//! Requests far from good ones: any body, other routes and methods, the probes, `/Auth`.

use crate::http_case::{Caller, Draft, Shape};
use crate::odd::{bytes, json, name, one_in, pick, text};
use crate::redeem_case::{FORM, JSON, OPERATIONS, object};
use rand::RngExt as _;
use rand::rngs::StdRng;
use redeemq::ingress::body::BODY_MAX_BYTES;

/// Any body, as anything.
pub fn arbitrary(rng: &mut StdRng, caller: &Caller<'_>) -> Draft {
    let mut draft = Draft::new("POST", OPERATIONS[rng.random_range(0..5)].1);
    draft.header("Authorization", format!("Bearer {}", caller.token));
    let types = [
        FORM,
        JSON,
        JSON,
        "application/json; charset=latin-1",
        "APPLICATION/JSON",
        "text/plain",
        "",
    ];
    let media = name(rng, &types);
    draft.header("Content-Type", media);
    draft.body = match rng.random_range(0..10) {
        0..3 => bytes(rng, 400),
        3..9 => json(rng, 3).into_bytes(),
        _ => {
            // Around the bound. Who is told so may be cut off while he still sends.
            let length = BODY_MAX_BYTES + rng.random_range(0..3) - 1;
            draft.is_last = true;
            let mut body = b"goods_id=mug&player_id=p1&amount=1&x=".to_vec();
            body.resize(length, b'x');
            body
        }
    };
    if one_in(rng, 4) {
        draft.header("Content-Encoding", pick(rng, &["gzip", "br", "identity"]));
    }
    draft
}

/// `/Auth`. A whole pair costs the time of a hash, so there are few.
pub fn auth(rng: &mut StdRng) -> Draft {
    let mut draft = Draft::new("POST", pick(rng, &["/Auth", "/Auth/renew"]));
    let mut params = vec![("api_key".to_owned(), text(rng))];
    if one_in(rng, 50) {
        params.push(("api_secret".to_owned(), text(rng)));
    }
    draft.body = object(&params);
    draft.header("Content-Type", JSON);
    draft
}

/// Routes and methods that there are not, and the probes.
pub fn elsewhere(rng: &mut StdRng, caller: &Caller<'_>) -> Draft {
    let methods = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "HEAD", "POST"];
    let paths = [
        "/",
        "/redeem/goods",
        "/Redeem/goods/",
        "//Redeem/goods",
        "/Redeem/%67oods",
        "/Redeem/goods?x=1",
        "*",
        "/Redeem/jobs",
        "/Redeem/jobs/",
        "/Redeem/../Auth",
        "/Auth",
        "/livez",
        "/readyz",
        "/metrics",
        "/Redeem/goods#x",
        "/%00",
        "/%ff%fe",
        "http://elsewhere/Redeem/goods",
    ];
    let mut draft = Draft::new(pick(rng, &methods), pick(rng, &paths));
    draft.header("Authorization", format!("Bearer {}", caller.token));
    if one_in(rng, 10) {
        draft.target = format!("/{}", "x".repeat(rng.random_range(0..20_000)));
    }
    let is_probe = ["/livez", "/readyz"].contains(&draft.target.as_str());
    match draft.method.as_str() {
        "HEAD" => draft.shape = Shape::HeadOnly,
        "GET" if is_probe => draft.shape = Shape::Probe,
        _ => {}
    }
    // These two are no targets of every method: what the server makes of them is its own affair.
    if ["*", "/Redeem/goods#x"].contains(&draft.target.as_str()) {
        draft.shape = Shape::Anything;
        draft.is_last = true;
    }
    draft
}
