//! What two workers are given: something of each kind, with duplicates, and more than there is.

use super::WORKERS;
use harness::{Request, SECRET, Site, Tally};
use redeemq::secrets::Secrets;
use serde_json::json;
use std::collections::HashSet;

const PLAYERS: &str = "player_id,asset,amount\n\
    p1,point,100\np2,point,100\np3,point,100\np4,point,100\n\
    p1,badge:gold,5\np2,badge:gold,5\np3,badge:gold,5\np4,badge:gold,5\n";
/// Pairs of duplicates among the messages.
pub const DUPLICATES: usize = 3;

/// The messages of one round, in the order in which they are published.
pub struct Jobs {
    round: usize,
    /// One for each worker: seats that are to be verified.
    pub seats: Vec<Request>,
    /// One for each worker, to keep it busy while the others arrive.
    pub gates: Vec<Request>,
    /// Two workers that take turns get a part of everything, and one of each pair of duplicates.
    pub mixed: Vec<Request>,
}

/// A site with goods for each round, and the PIN that verifies their seats.
pub async fn site() -> (Site, String) {
    let site = Site::open().await;
    site.json(&["client", "create", "acme"]);
    site.import(&["players", "import", "--client", "acme", "--import-id", "start"], PLAYERS);
    let mut goods = "goods_id,name,group,quantity,price\n".to_owned();
    for round in WORKERS {
        goods.push_str(&format!(
            "mug-{round},Mug,,,point=10\n\
             last-{round},Last,,3,badge:gold=1\n\
             seat-{round},Seat,seats-{round},,\n\
             gate-{round},Gate,,,\n"
        ));
    }
    site.goods("acme", &goods);
    for round in WORKERS {
        // Two are granted first, to be verified. The others are fought for.
        let codes = (1..=5).map(|code| format!("code-{round}-{code}\n"));
        let codes: String = std::iter::once("code\n".to_owned()).chain(codes).collect();
        site.coupons("acme", &format!("seats-{round}"), &codes);
    }
    let branch = ["branch", "create", "--client", "acme", "--merchant", "Mart", "--branch", "Hill"];
    let groups = ["--group", "seats-0", "--group", "seats-1"];
    let branch = site.json(&[&branch[..], &groups].concat());
    (site, branch["pin_code"].as_str().expect("a PIN").to_owned())
}

impl Jobs {
    pub fn of(round: usize, pin: &str) -> Self {
        let goods = |name: &str, player| goods(&format!("{name}-{round}"), player);
        let seat = |player| seat(round, player);
        let verify = |code, pin| verify(round, code, pin);
        let mut mixed = vec![
            seat(3),
            seat(4),
            goods("last", 1),
            goods("last", 2),
            verify(1, pin),
            verify(1, pin),
            verify(2, "wrong"),
            goods("mug", 4),
        ];
        for player in 1..=DUPLICATES {
            let duplicate = goods("mug", player);
            mixed.extend([duplicate.clone(), duplicate]);
        }
        mixed.extend([goods("last", 3), goods("last", 4), seat(1), seat(2)]);
        let gates = vec![goods("gate", 1), goods("gate", 2)];
        Self { round, seats: vec![seat(1), seat(2)], gates, mixed }
    }

    /// All messages, duplicates among them.
    pub fn all(&self) -> Vec<Request> {
        [&self.seats[..], &self.gates, &self.mixed].concat()
    }

    /// How many jobs they are.
    pub fn count(&self) -> usize {
        self.all().len() - DUPLICATES
    }

    /// Fails unless the answers give away what there is, once.
    pub fn assert_granted_once(&self, tally: &Tally) {
        let answers = tally.answers();
        let codes = answers.iter().filter_map(|answer| answer["error_code"].as_str());
        let mut codes: Vec<&str> = codes.collect();
        codes.sort_unstable();
        // Refused: the fourth of three left, the sixth of five seats, and the wrong PIN.
        assert_eq!(codes, [vec!["0000"; 16], vec!["0604"; 2], vec!["0608"]].concat());
        let units = ["mug", "last", "seat", "gate"]
            .map(|goods| tally.units(&format!("{goods}-{}", self.round)));
        assert_eq!(units, [4, 3, 5, 2]);
        let different: HashSet<&str> = tally.codes().into_iter().collect();
        assert_eq!(different.len(), 5);
        let used = |success: bool| {
            answers.iter().filter(|answer| answer["response"]["success"] == success).count()
        };
        assert_eq!((used(true), used(false)), (1, 1), "one coupon, shown twice");
    }
}

fn goods(goods: &str, player: usize) -> Request {
    let params = json!({"goods_id": goods, "player_id": format!("p{player}"), "amount": 1});
    Request::new("acme", "goods", &params)
}

fn seat(round: usize, player: usize) -> Request {
    let (group, player) = (format!("seats-{round}"), format!("p{player}"));
    let params = json!({"group": group, "player_id": player, "amount": 1});
    Request::new("acme", "goods_group", &params)
}

fn verify(round: usize, code: usize, pin: &str) -> Request {
    let secrets = Secrets::parse(&SECRET.to_owned().into()).expect("a secret");
    let params = json!({
        "goods_group": format!("seats-{round}"),
        "coupon_code": format!("code-{round}-{code}"),
        "pin_hashes": secrets.pin_hashes(pin),
    });
    Request::new("acme", "verify", &params)
}
