//! The five operations, one refusal of each common kind, and a replay.

use crate::http::ask;
use crate::page::Page;
use crate::stage::Stage;
use anyhow::Context as _;
use hyper::Method;
use redeemq::client::Client;
use serde_json::{Value, json};

/// A client site with its token.
#[derive(Clone)]
pub struct Caller {
    http: Client,
    base: String,
    pub token: String,
}

pub struct Answer {
    pub status: u16,
    pub text: String,
    pub body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["error_code"].as_str().unwrap_or("?")
    }

    fn line(&self) -> String {
        let message = self.body["message"].as_str().unwrap_or_default();
        format!("{}  {}  {message}", self.status, self.code())
    }

    fn codes(&self) -> Vec<String> {
        let events = self.body["response"]["events"].as_array();
        let code = |event: &Value| event["goods_data"]["code"].as_str().map(str::to_owned);
        events.into_iter().flatten().filter_map(code).collect()
    }
}

impl Caller {
    pub async fn sign_in(base: &str, key: &str, secret: &str) -> anyhow::Result<Self> {
        let http = Client::to(base)?;
        let mut caller = Self { http, base: base.to_owned(), token: String::new() };
        let pair = json!({"api_key": key, "api_secret": secret});
        let answer = caller.post("/Auth", &pair, &[]).await?;
        let token = answer.body["response"]["token"].as_str();
        caller.token = token.with_context(|| format!("no token: {}", answer.text))?.to_owned();
        Ok(caller)
    }

    pub async fn post(
        &self,
        path: &str,
        params: &Value,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut all = headers.to_vec();
        if !self.token.is_empty() {
            all.push(("Authorization", &bearer));
        }
        let url = format!("{}{path}", self.base);
        let (status, text) = ask(&self.http, Method::POST, &url, &all, Some(params)).await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, text, body })
    }

    async fn decide(&self, path: &str, params: &Value) -> anyhow::Result<Answer> {
        self.post(path, params, &[("Prefer", "wait=10")]).await
    }

    fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }
}

fn goods(goods_id: &str, player: &str, amount: i64) -> Value {
    json!({"goods_id": goods_id, "player_id": player, "amount": amount})
}

fn group(group: &str, player: &str, amount: i64) -> Value {
    json!({"group": group, "player_id": player, "amount": amount})
}

fn coupon(code: &str, pin: &str) -> Value {
    json!({"goods_group": "cinema-tickets", "coupon_code": code, "pin_code": pin})
}

/// All five, each through HTTP, each to its decision.
pub async fn operations(caller: &Caller, stage: &Stage, page: &mut Page) -> anyhow::Result<()> {
    page.heading("The five operations");
    let answer = caller.decide("/Redeem/goods", &goods("espresso", "alice", 2)).await?;
    page.check("goods: 2 espressi for alice", &answer.line(), answer.code() == "0000");
    let answer = caller.decide("/Redeem/goodsGroup", &group("cinema-tickets", "alice", 1)).await?;
    let codes = answer.codes();
    let line = format!("{}: {}", answer.line(), codes.join(" "));
    page.check("goodsGroup: a cinema ticket", &line, codes.len() == 1);
    let ticket = codes.first().context("no ticket was granted")?;
    let path = "/Redeem/goodsGroup/verify";
    let answer = caller.decide(path, &coupon(ticket, &stage.pin)).await?;
    page.check(
        "verify: at the cinema's till",
        &answer.line(),
        answer.body["response"]["success"] == true,
    );
    let answer = caller.decide(path, &coupon(ticket, &stage.pin)).await?;
    let branch = answer.body["response"]["details"]["verified_at"].as_str().unwrap_or("?");
    let line = format!("{}: used before, at {branch}", answer.line());
    page.check("verify: the same ticket again", &line, answer.body["response"]["success"] == false);
    let answer = caller.decide("/Redeem/sponsor", &goods("cola", "alice", 3)).await?;
    page.check("sponsor: 3 colas for alice", &answer.line(), answer.code() == "0000");
    let answer =
        caller.decide("/Redeem/sponsorGroup", &group("streaming-codes", "alice", 2)).await?;
    let line = format!("{}: {}", answer.line(), answer.codes().join(" "));
    page.check("sponsorGroup: 2 streaming codes", &line, answer.codes().len() == 2);
    Ok(())
}

/// One of each common kind, with what the caller is told.
pub async fn refusals(caller: &Caller, stage: &Stage, page: &mut Page) -> anyhow::Result<()> {
    page.heading("Refusals");
    let (redeem, sponsor) = ("/Redeem/goods", "/Redeem/sponsor");
    let verify = "/Redeem/goodsGroup/verify";
    let other = caller.decide("/Redeem/goodsGroup", &group("cinema-tickets", "alice", 1)).await?;
    let ticket = other.codes().into_iter().next().context("no ticket was granted")?;
    let never_issued = "CIN-0000-0000";
    let cases = [
        ("a parameter is missing", redeem, json!({"goods_id": "mug"}), "0903"),
        ("a negative amount", redeem, goods("mug", "alice", -5), "2302"),
        ("an unknown player", redeem, goods("mug", "mallory", 1), "0200"),
        ("unknown goods", redeem, goods("yacht", "alice", 1), "0501"),
        ("sponsored goods as own", redeem, goods("cola", "alice", 1), "0501"),
        ("more than a player may have", redeem, goods("mug", "alice", 2), "0601"),
        ("outside the window", redeem, goods("advent", "alice", 1), "0603"),
        ("more than there are", redeem, goods("apron", "alice", 11), "0604"),
        ("more than one client may have", sponsor, goods("cola", "alice", 48), "0604"),
        ("too few points", redeem, goods("mug", "bob", 1), "0605"),
        ("too few badges", redeem, goods("apron", "carol", 1), "0606"),
        ("too little of a currency", redeem, goods("apron", "dave", 1), "0607"),
        ("an unknown coupon", verify, coupon(never_issued, &stage.pin), "0602"),
        ("a wrong PIN", verify, coupon(&ticket, "0000000"), "0608"),
    ];
    for (what, path, params, code) in cases {
        let answer = caller.decide(path, &params).await?;
        page.check(what, &answer.line(), answer.code() == code);
    }
    for (what, token, code) in
        [("no token", "", "0902"), ("a forged token", "forged.1.2.3", "0900")]
    {
        let answer = caller.with_token(token).decide(redeem, &goods("mug", "alice", 1)).await?;
        page.check(what, &answer.line(), answer.code() == code);
    }
    Ok(())
}

/// The same key again: the same job, the same answer, byte for byte.
pub async fn replay(caller: &Caller, page: &mut Page) -> anyhow::Result<()> {
    page.heading("A replay with the same Idempotency-Key");
    let headers = [("Prefer", "wait=10"), ("Idempotency-Key", "order-4711")];
    let order = goods("mug", "alice", 1);
    let first = caller.post("/Redeem/goods", &order, &headers).await?;
    page.check("first", &first.line(), first.code() == "0000");
    let again = caller.post("/Redeem/goods", &order, &headers).await?;
    let came = format!("{}: equal to the last byte", again.line());
    page.check("again", &came, again.text == first.text);
    let changed = caller.post("/Redeem/goods", &goods("mug", "alice", 2), &headers).await?;
    page.check("the key with another amount", &changed.line(), changed.code() == "3001");
    Ok(())
}
