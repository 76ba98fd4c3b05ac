//! The ledger in itself.

use super::check::{Check, check};

pub(super) const CHECKS: &[Check] = &[
    check!(
        "P5",
        "only successes granted, and every successful redeem did",
        r#"select format('job %s of %s: %s with %s granted', job_key, client_id, code, granted) as what
           from ledger
           where (granted > 0) <> (code = '0000' and operation <> 'verify')"#
    ),
    check!(
        "P5",
        "what was spent was spent on a grant, and can be read",
        r#"select format('job %s of %s: spent `%s`', job_key, client_id, spent) as what
           from ledger
           where spent is not null
             and (granted = 0 or spent !~ '^[^;=]+=[0-9]{1,18}(;[^;=]+=[0-9]{1,18})*$')"#
    ),
    // Looked for as text: that is quick, and a body that is no JSON is found instead of ending the
    // audit. Within texts of a body, quotes are escaped, so nothing but the field can look like this.
    check!(
        "P2",
        "every stored answer says the code that the ledger says",
        r#"select format('job %s of %s: the ledger says %s', job_key, client_id, code) as what
           from ledger
           where strpos(body, '"error_code":"' || code || '"') = 0"#
    ),
];
