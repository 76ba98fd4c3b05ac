//! Stock: what goods count, against what was granted and imported.

use super::check::{Check, check};

pub(super) const CHECKS: &[Check] = &[
    check!(
        "P5",
        "goods count as granted what the ledger granted",
        r#"select format('%s/%s: goods say %s, the ledger says %s', coalesce(g.scope, '(no goods)'),
                         coalesce(g.goods_id, l.goods::text), coalesce(g.granted, 0), coalesce(l.granted, 0)) as what
           from goods g
           full join (select goods, sum(granted) as granted from ledger where granted > 0 group by goods) as l
             on l.goods = g.id
           where coalesce(g.granted, 0) <> coalesce(l.granted, 0)"#
    ),
    check!(
        "P5",
        "goods count as codes the coupons there are",
        r#"select format('%s/%s: goods say %s, there are %s', g.scope, g.goods_id, g.codes, coalesce(c.codes, 0)) as what
           from goods g left join (select goods, count(*) as codes from coupon group by goods) as c on c.goods = g.id
           where g.codes <> coalesce(c.codes, 0)"#
    ),
    check!(
        "P5",
        "pools have granted the coupons that are held",
        r#"select format('%s/%s: goods say %s, held are %s', g.scope, g.goods_id, g.granted, coalesce(c.held, 0)) as what
           from goods g left join (select goods, count(job_key) as held from coupon group by goods) as c on c.goods = g.id
           where coalesce(c.held, 0) <> case when g.group_name is null then 0 else g.granted end"#
    ),
    check!(
        "P3",
        "no goods are granted beyond their stock",
        r#"select format('%s/%s: granted %s of %s', g.scope, g.goods_id, g.granted,
                         case when g.group_name is null then g.quantity else g.codes end) as what
           from goods g
           where g.granted > case when g.group_name is null then g.quantity else g.codes end"#
    ),
];
