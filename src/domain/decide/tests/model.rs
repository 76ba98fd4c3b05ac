//! The contract once more, as simply as it can be said: one job after another over flat lists,
//! every sum counted afresh. It shares nothing with the rules but the words of the answers.

use super::ask::Ask;
use super::shop::{DAY, Name, Row, World, WrongPin};
use crate::domain::operation::Operation;

pub(super) fn decide(world: &mut World, asks: &[Ask]) -> Vec<String> {
    asks.iter().map(|ask| decide_one(world, ask)).collect()
}

fn decide_one(world: &mut World, ask: &Ask) -> String {
    let same_id = |(first, _): &&(Ask, String)| first.client == ask.client && first.key == ask.key;
    if let Some((first, answer)) = world.stored.iter().find(same_id) {
        let says = if content(first) == content(ask) { "again" } else { "3001" };
        return format!("{says}: {answer}");
    }
    let answer = judge(world, ask).unwrap_or_else(|refusal| refusal);
    world.stored.push((*ask, answer.clone()));
    answer
}

/// What a repeat must have in common with the first: all but the PIN and the instant.
fn content(ask: &Ask) -> impl PartialEq {
    let asked_for = match ask.operation {
        Operation::Verify => (ask.code, 0),
        _ => (ask.player, ask.amount),
    };
    (ask.operation, ask.target, asked_for)
}

fn judge(world: &mut World, ask: &Ask) -> Result<String, String> {
    let redeems = ask.operation != Operation::Verify;
    refuse_if(redeems && ask.player.is_empty(), "0903 player_id")?;
    refuse_if(redeems && !(1..=10_000).contains(&ask.amount), "2302 amount")?;
    refuse_if(ask.at > 60, "2302 accepted_at")?;
    refuse_if(world.age_max.is_some_and(|max| -ask.at > max), "3004")?;
    let client = world.clients.iter().find(|(client, _)| *client == ask.client);
    let (_, disabled) = client.ok_or("0002")?;
    refuse_if(disabled.is_some_and(|since| ask.at >= since), "0002")?;
    if redeems { redeem(world, ask) } else { verify(world, ask) }
}

fn refuse_if(wrong: bool, refusal: &str) -> Result<(), String> {
    if wrong { Err(refusal.to_owned()) } else { Ok(()) }
}

fn enough(code: &str, cap: &str, left: i64, needed: i64) -> Result<(), String> {
    refuse_if(left < needed, &format!("{code} {cap} {left}<{needed}"))
}

fn redeem(world: &mut World, ask: &Ask) -> Result<String, String> {
    let Ask { client, player, amount, .. } = *ask;
    refuse_if(!world.players.contains(&(client, player)), "0200")?;
    let place = find_goods(world, ask).ok_or("0501")?;
    let row = world.goods[place].clone();
    let granted = |counts: &dyn Fn(Name, Name) -> bool| -> i64 {
        let mine = world.grants.iter().filter(|g| g.0 == place && counts(g.1, g.2));
        mine.map(|g| g.3).sum()
    };
    if let Some(limit) = row.per_player {
        let left = (limit - granted(&|c, p| c == client && p == player)).max(0);
        enough("0601", "per_player", left, amount)?;
    }
    let open = row.starts.is_none_or(|t| ask.at >= t) && row.ends.is_none_or(|t| ask.at < t);
    refuse_if(!open, "0603")?;
    let codes = codes_left(world, place, &row, ask.at);
    if row.group.is_some() {
        enough("0604", "codes", codes.len() as i64, amount)?;
    } else if let Some(quantity) = row.quantity {
        enough("0604", "stock", (quantity - granted(&|_, _| true)).max(0), amount)?;
    }
    if let Some(cap) = row.per_client {
        enough("0604", "per_client", (cap - granted(&|c, _| c == client)).max(0), amount)?;
    }
    check_price(world, &row, ask)?;

    for (asset, each) in &row.price {
        *balance(world, ask, asset).expect("it was enough") -= each * amount;
    }
    world.grants.push((place, client, player, amount));
    Ok(format!("0000 x{amount}{}", take(world, codes, ask)))
}

fn find_goods(world: &World, ask: &Ask) -> Option<usize> {
    let sponsored = matches!(ask.operation, Operation::Sponsor | Operation::SponsorGroup);
    let by_group = matches!(ask.operation, Operation::GoodsGroup | Operation::SponsorGroup);
    let owner = if sponsored { None } else { Some(ask.client) };
    world.goods.iter().position(|row| {
        let name = if by_group { row.group } else { Some(row.goods_id) };
        row.owner == owner && name == Some(ask.target)
    })
}

/// Places and ends of the codes that can be granted, in the order in which they are.
fn codes_left(world: &World, place: usize, row: &Row, at: i64) -> Vec<(usize, Option<i64>)> {
    let mut left = Vec::new();
    for (n, code) in world.codes.iter().enumerate() {
        let days = row.coupon_days.map(|days| at + i64::from(days) * DAY);
        let end = [row.coupon_end, code.expires, days].into_iter().flatten().min();
        if code.goods == place && code.holder.is_none() && end.is_none_or(|end| end > at) {
            left.push((n, end));
        }
    }
    left.sort_by_key(|(n, _)| world.codes[*n].expires.unwrap_or(i64::MAX));
    left
}

fn take(world: &mut World, codes: Vec<(usize, Option<i64>)>, ask: &Ask) -> String {
    let mut text = String::new();
    for (n, end) in codes.into_iter().take(ask.amount as usize) {
        let code = &mut world.codes[n];
        code.holder = Some((ask.client, ask.player));
        code.valid_until = end;
        let end = end.map_or("never".to_owned(), |end| end.to_string());
        text.push_str(&format!(" {}@{end}", code.code));
    }
    text
}

fn balance<'a>(world: &'a mut World, ask: &Ask, asset: &str) -> Option<&'a mut i64> {
    let mut all = world.balances.iter_mut();
    all.find(|b| (b.0, b.1, b.2) == (ask.client, ask.player, asset)).map(|b| &mut b.3)
}

fn check_price(world: &mut World, row: &Row, ask: &Ask) -> Result<(), String> {
    for (code, kind) in [("0605", "point"), ("0606", "badge:"), ("0607", "custom:")] {
        let mut refusal = code.to_owned();
        for (asset, each) in row.price.iter().filter(|(asset, _)| asset.starts_with(kind)) {
            let left = balance(world, ask, asset).map_or(0, |units| *units);
            if left < each * ask.amount {
                refusal.push_str(&format!(" {asset} {left}<{}", each * ask.amount));
            }
        }
        refuse_if(refusal != code, &refusal)?;
    }
    Ok(())
}

fn verify(world: &mut World, ask: &Ask) -> Result<String, String> {
    let Ask { client, code, .. } = *ask;
    let find = |owner| {
        world.goods.iter().position(|row| row.owner == owner && row.group == Some(ask.target))
    };
    let place = find(Some(client)).or(find(None)).ok_or("0602")?;
    let coupon = world.codes.iter().position(|c| c.goods == place && c.code == code);
    let coupon = coupon.ok_or("0602")?;
    let found = &world.codes[coupon];
    refuse_if(found.holder.is_none_or(|(holder, _)| holder != client), "0502")?;
    if let Some((branch, when)) = found.used {
        return Ok(format!("before {branch}@{when}"));
    }
    refuse_if(found.valid_until.is_some_and(|end| end <= ask.at), "0504")?;

    let recent = |pin: &&WrongPin| {
        pin.client == client && pin.goods == place && (pin.at - ask.at).abs() < 15 * 60
    };
    let of_group = world.wrong_pins.iter().filter(recent).count();
    let of_code = |pin: &&WrongPin| pin.code == code && !pin.forgiven;
    let of_code = world.wrong_pins.iter().filter(recent).filter(of_code).count();
    refuse_if(of_code >= 5 || of_group >= 50, "0901")?;

    let knows = |key| ask.pin_keys.contains(&key);
    let branch = world.branches.iter().find(|b| b.0 == place && b.3 == ask.pin && knows(b.2));
    let Some(&(_, branch, ..)) = branch else {
        world.wrong_pins.push(WrongPin { client, goods: place, code, at: ask.at, forgiven: false });
        return Err("0608".to_owned());
    };
    for pin in &mut world.wrong_pins {
        pin.forgiven |= pin.client == client && pin.goods == place && pin.code == code;
    }
    world.codes[coupon].used = Some((branch, ask.at));
    Ok("verified".to_owned())
}
