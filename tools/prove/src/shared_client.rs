//! The ingress as a careful client uses it: everything has a key, and is retried until it is told.

use crate::answer;
use crate::history::{Heard, History, correlation_of};
use crate::system::{Account, System};
use crate::world::{CLIENTS, Goods, Wish, World, player_id};
use anyhow::Context as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After this a client stops waiting for an answer.
const TIMEOUT: Duration = Duration::from_secs(6);

/// What all clients share.
pub struct SharedClient {
    http: reqwest::Client,
    bases: Vec<String>,
    tokens: Vec<String>,
    pins: Vec<String>,
    pub world: World,
    history: Mutex<History>,
    /// Codes that a client's players hold, to be verified.
    coupons: Mutex<Vec<(usize, Arc<str>)>>,
}

/// What one sending of a job came to.
pub enum Told {
    /// 202.
    Queued(String),
    /// It had asked to wait, and this is the decision.
    Decided(Heard),
    /// 503: certainly not accepted.
    NotAccepted,
    /// A time-out, a broken connection, or the word `unknown`.
    Unknown,
    /// What no client should ever see.
    Wrong(String),
}

impl SharedClient {
    /// Signs every client in.
    pub async fn open(system: &System, accounts: &[Account], world: World) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let bases: Vec<String> = system.parts.iter().filter_map(|part| part.base()).collect();
        let mut tokens = Vec::new();
        for account in accounts {
            let pair = json!({"api_key": account.api_key, "api_secret": account.api_secret});
            let answer = http.post(format!("{}/Auth", bases[0])).json(&pair).send().await?;
            let answer: Value = serde_json::from_str(&answer.text().await?)?;
            let token = answer["response"]["token"].as_str();
            tokens.push(token.with_context(|| format!("no token: {answer}"))?.to_owned());
        }
        let pins = accounts.iter().map(|account| account.pin.clone()).collect();
        let (history, coupons) = Default::default();
        Ok(Self { http, bases, tokens, pins, world, history, coupons })
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn coupons(&self) -> MutexGuard<'_, Vec<(usize, Arc<str>)>> {
        self.coupons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code that somebody holds, and maybe used already.
    pub fn some_coupon(&self, rng: &mut StdRng) -> Option<(usize, Arc<str>)> {
        let coupons = self.coupons();
        let latest = coupons.len().saturating_sub(50);
        let from = if rng.random_bool(0.5) { latest } else { 0 };
        (!coupons.is_empty()).then(|| coupons[rng.random_range(from..coupons.len())].clone())
    }

    /// A grant was heard of: its codes can be verified now.
    pub fn remember_codes(&self, client: usize, wish: &Wish, heard: &Heard) {
        if let (Wish::Redeem { goods: Goods::Cinema, .. }, Some(grant)) = (wish, &heard.grant) {
            let codes = grant.codes.iter().map(|code| (client, (**code).into()));
            self.coupons().extend(codes);
        }
    }

    /// The parameters of a wish, as JSON.
    pub fn params(&self, client: usize, wish: &Wish) -> Value {
        match wish {
            Wish::Redeem { goods, player, amount } => {
                let what = if goods.is_pool() { "group" } else { "goods_id" };
                json!({what: goods.name(), "player_id": player_id(*player), "amount": amount})
            }
            Wish::Verify { goods, code } => json!({
                "goods_group": goods.name(), "coupon_code": &**code, "pin_code": self.pins[client],
            }),
        }
    }

    /// Sends a job once.
    pub async fn send(&self, job: usize, key: &str, wait: Option<u8>, rng: &mut StdRng) -> Told {
        let (client, wish) = {
            let mut history = self.history();
            history.requests += 1;
            (history.jobs[job].client, history.jobs[job].wish.clone())
        };
        let path = match &wish {
            Wish::Redeem { goods, .. } => goods.path(),
            Wish::Verify { .. } => "/Redeem/goodsGroup/verify",
        };
        let base = &self.bases[rng.random_range(0..self.bases.len())];
        let mut request = self.http.post(format!("{base}{path}"));
        request = request.bearer_auth(&self.tokens[client]).header("Idempotency-Key", key);
        request = request.header("X-Correlation-Id", correlation_of(job));
        if let Some(seconds) = wait {
            request = request.header("Prefer", format!("wait={seconds}"));
        }
        let Ok(answer) = request.json(&self.params(client, &wish)).send().await else {
            return Told::Unknown;
        };
        let status = answer.status().as_u16();
        let Ok(text) = answer.text().await else { return Told::Unknown };
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match (status, body["response"]["job_id"].as_str()) {
            (202, Some(id)) => Told::Queued(id.to_owned()),
            (503, _) if body["response"]["accepted"] == "unknown" => Told::Unknown,
            (503, _) => Told::NotAccepted,
            (200 | 422, _) => Told::Decided(answer::of_envelope(&body)),
            _ => Told::Wrong(format!("{status} to job {job}: {text}")),
        }
    }

    /// Sends a job until the client is told that it is accepted; what it was told is written down.
    pub async fn deliver(&self, job: usize, key: &str, wait: Option<u8>, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        loop {
            match self.send(job, key, wait, &mut rng).await {
                Told::Queued(id) => return self.history().acknowledge(job, &id),
                Told::Decided(heard) => {
                    let mut history = self.history();
                    history.jobs[job].is_acknowledged = true;
                    return history.hear(job, heard);
                }
                Told::NotAccepted => {}
                Told::Unknown => self.history().jobs[job].was_unknown = true,
                Told::Wrong(what) => return self.history().strays.push(what),
            }
            tokio::time::sleep(Duration::from_millis(rng.random_range(50..600))).await;
        }
    }

    /// What the status route says of a job of this client's.
    pub async fn status(&self, client: usize, id: &str) -> anyhow::Result<Value> {
        let base = &self.bases[id.len() % self.bases.len()];
        let request = self.http.get(format!("{base}/Redeem/jobs/{id}"));
        let answer = request.bearer_auth(&self.tokens[client]).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// Asks for something and waits for the word, however long it takes: for what is no job of the
    /// campaign.
    pub async fn ask(&self, client: usize, wish: &Wish) -> anyhow::Result<Value> {
        let Wish::Redeem { goods, .. } = wish else { anyhow::bail!("not to be asked: {wish:?}") };
        let key = uuid::Uuid::new_v4().to_string();
        for _ in 0..20 {
            let request = self.http.post(format!("{}{}", self.bases[0], goods.path()));
            let request = request.bearer_auth(&self.tokens[client]).header("Idempotency-Key", &key);
            let request = request.header("Prefer", "wait=5").json(&self.params(client, wish));
            if let Ok(answer) = request.send().await
                && answer.status().as_u16() == 200
            {
                return Ok(serde_json::from_str(&answer.text().await?)?);
            }
        }
        anyhow::bail!("no decision on {wish:?} of {}", CLIENTS[client])
    }
}
