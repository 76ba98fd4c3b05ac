//! Owners: nothing of one reaches another.

use super::check::{Check, check};

pub(super) const CHECKS: &[Check] = &[
    check!(
        "P6",
        "clients were granted goods of their own or sponsored ones",
        r#"select format('job %s of %s: goods %s of %s', l.job_key, l.client_id, g.goods_id, g.scope) as what
           from ledger l join goods g on g.id = l.goods
           where g.scope not in (l.client_id, '*')"#
    ),
    check!(
        "P6",
        "branches may verify pools of their own owner",
        r#"select format('branch %s of %s: pool %s of %s', b.id, coalesce(b.sponsor, b.scope), g.group_name,
                         coalesce(g.sponsor, g.scope)) as what
           from branch_group a join branch b on b.id = a.branch join goods g on g.id = a.goods
           where (b.scope, b.sponsor) is distinct from (g.scope, g.sponsor)"#
    ),
];
