//! Coupons: one holder each, one use each, and a decided job behind both.

use super::check::{Check, check};

pub(super) const CHECKS: &[Check] = &[
    check!(
        "P2",
        "every coupon held was granted to its holder by one decided job",
        r#"select format('%s/%s: coupon %s, held by %s of %s', g.scope, g.goods_id, c.code,
                         c.holder_player, c.holder_client) as what
           from coupon c join goods g on g.id = c.goods
           left join ledger l on l.client_id = c.holder_client and l.job_key = c.job_key
           where c.job_key is not null
             and (l.code, l.player_id, l.goods) is distinct from ('0000', c.holder_player, c.goods)"#
    ),
    check!(
        "P2",
        "every job that granted codes has as many coupons as it granted",
        r#"select format('job %s of %s: granted %s, has %s', job_key, client_id,
                         coalesce(l.granted, 0), coalesce(c.held, 0)) as what
           from (select l.client_id, l.job_key, l.granted from ledger l
                 join goods g on g.id = l.goods and g.group_name is not null) as l
           full join (select holder_client as client_id, job_key, count(*) as held
                      from coupon where job_key is not null group by holder_client, job_key) as c
                using (client_id, job_key)
           where coalesce(l.granted, 0) <> coalesce(c.held, 0)"#
    ),
    check!(
        "P2",
        "every coupon used was held, and used by a decided verification of its holder's client",
        r#"select format('%s/%s: coupon %s', g.scope, g.goods_id, c.code) as what
           from coupon c join goods g on g.id = c.goods
           left join ledger l on l.client_id = c.holder_client and l.job_key = c.used_key
           where c.used_key is not null
             and (c.job_key is null or (l.code, l.operation) is distinct from ('0000', 'verify'))"#
    ),
    check!(
        "P2",
        "every verification that said yes used one coupon",
        r#"select format('job %s of %s used %s', job_key, client_id, coalesce(c.used, 0)) as what
           from (select client_id, job_key from ledger
                 where operation = 'verify' and code = '0000' and body like '%"success":true}%') as l
           full join (select holder_client as client_id, used_key as job_key, count(*) as used
                      from coupon where used_key is not null group by holder_client, used_key) as c
                using (client_id, job_key)
           where l.job_key is null or coalesce(c.used, 0) <> 1"#
    ),
];
