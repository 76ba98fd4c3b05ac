//! Players and clients: what they got under limits, and what they own.

use super::check::{Check, check};

pub(super) const CHECKS: &[Check] = &[
    check!(
        "P5",
        "per-player usage is what the ledger granted",
        r#"select format('%s/%s: player %s of %s: usage says %s, the ledger says %s', g.scope, g.goods_id,
                         player_id, client_id, coalesce(u.granted, 0), coalesce(l.granted, 0)) as what
           from (select * from player_usage
                 where goods in (select id from goods where per_player is not null)) as u
           full join (select client_id, goods, player_id, sum(granted) as granted from ledger
                      where granted > 0 and goods in (select id from goods where per_player is not null)
                      group by client_id, goods, player_id) as l
                using (client_id, goods, player_id)
           join goods g on g.id = goods
           where coalesce(u.granted, 0) <> coalesce(l.granted, 0)"#
    ),
    check!(
        "P5",
        "per-client usage is what the ledger granted",
        r#"select format('%s/%s: client %s: usage says %s, the ledger says %s', g.scope, g.goods_id,
                         client_id, coalesce(u.granted, 0), coalesce(l.granted, 0)) as what
           from (select * from client_usage
                 where goods in (select id from goods where per_client is not null)) as u
           full join (select client_id, goods, sum(granted) as granted from ledger
                      where granted > 0 and goods in (select id from goods where per_client is not null)
                      group by client_id, goods) as l
                using (client_id, goods)
           join goods g on g.id = goods
           where coalesce(u.granted, 0) <> coalesce(l.granted, 0)"#
    ),
    check!(
        "P3",
        "no player is beyond the limit that he was granted under",
        r#"select format('%s/%s: player %s of %s: granted %s of %s', g.scope, g.goods_id,
                         u.player_id, u.client_id, u.granted, u.cap) as what
           from player_usage u join goods g on g.id = u.goods
           where u.granted > u.cap"#
    ),
    check!(
        "P3",
        "no client is beyond the cap that it was granted under",
        r#"select format('%s/%s: client %s: granted %s of %s', g.scope, g.goods_id,
                         u.client_id, u.granted, u.cap) as what
           from client_usage u join goods g on g.id = u.goods
           where u.granted > u.cap"#
    ),
    check!(
        "P5",
        "balances are what was imported less what was spent",
        r#"select format('%s of %s: %s: balance says %s, imports and ledger say %s', player_id, client_id, asset,
                         coalesce(b.amount::text, 'nothing'), coalesce(m.amount::text, 'nothing')) as what
           from balance b
           full join (
               select client_id, player_id, asset, sum(amount) as amount from (
                   select client_id, player_id, asset, amount::numeric as amount from player_import
                   union all
                   select l.client_id, l.player_id, substring(part from '^(.*)='),
                          - substring(part from '=([0-9]{1,18})$')::numeric
                   from ledger l, unnest(string_to_array(l.spent, ';')) as part
               ) as moves group by client_id, player_id, asset) as m
                using (client_id, player_id, asset)
           where b.amount is distinct from m.amount"#
    ),
    check!(
        "P3",
        "no balance is below zero",
        r#"select format('%s of %s: %s %s', player_id, client_id, amount, asset) as what
           from balance where amount < 0"#
    ),
];
