//! Whether somebody between us and the database could read along, or stand for it.

use super::finding::Examination;
use crate::store::Result;
use crate::store::connect::{self, Way};
use secrecy::SecretString;
use sqlx::postgres::PgSslMode;

/// # Errors
/// When the URL can't be read.
pub(super) fn examine(examined: &mut Examination, url: &SecretString) -> Result<()> {
    let risk = match connect::way(url)? {
        Way::Local => {
            examined.ok("the way to the database stays on this machine");
            return Ok(());
        }
        Way::Network(PgSslMode::VerifyFull) => {
            examined.ok("the way to the database is encrypted, and the server proves who it is");
            return Ok(());
        }
        Way::Network(PgSslMode::VerifyCa) => {
            "verify-ca: any server with a certificate of that authority can stand for it"
        }
        Way::Network(PgSslMode::Require) => {
            "require: whoever stands between can stand for it, and gets the password"
        }
        Way::Network(PgSslMode::Prefer) => {
            "prefer: whoever stands between can say that it has no TLS, and gets the password"
        }
        Way::Network(PgSslMode::Disable | PgSslMode::Allow) => {
            "that encrypts nothing: whoever stands between reads passwords and codes"
        }
    };
    examined.warning(
        format!("the database is reached over the network with sslmode {risk}"),
        "Take sslmode out of DATABASE_URL and PGSSLMODE out of the environment, and add sslrootcert=/path/of/root.crt to DATABASE_URL where a certificate authority of your own signed the server's: see docs/operations.md, Postgres over the network",
    );
    Ok(())
}
