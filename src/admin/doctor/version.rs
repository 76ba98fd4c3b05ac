//! Who the broker is, and what its version counts as an attempt.

use super::finding::Examination;
use crate::broker::connection::server_properties::ServerProperties;

/// Dead-lettering at least once begins here.
const OLDEST: (u32, u32) = (3, 10);
/// From here on, only rejects and lost consumers count as attempts.
const COUNTS_LESS: (u32, u32) = (4, 3);
/// No version of this line is known.
const UNKNOWN: (u32, u32) = (5, 0);

pub(super) fn judge(examined: &mut Examination, greeting: &ServerProperties) {
    let ServerProperties { product, version } = greeting;
    if product != "RabbitMQ" {
        let what = format!("the broker is {product} {version}, not RabbitMQ");
        let remedy = "Use RabbitMQ 3.10 or newer: the promises rest on its quorum queues";
        return examined.fatal(what, remedy);
    }
    let Some(number) = number(version) else {
        let what = format!("RabbitMQ reports the version {version}, which cannot be parsed");
        return examined.warning(what, "Make sure that it is 3.10 or newer");
    };
    if number < OLDEST {
        let what = format!(
            "RabbitMQ {version} is older than 3.10: it cannot dead-letter at least once, so jobs can be lost"
        );
        examined.fatal(what, "Upgrade the broker to 3.10 or newer");
    } else if number < COUNTS_LESS {
        let what = format!("RabbitMQ {version}: each return to the queue counts as an attempt");
        examined.ok(what);
    } else if number < UNKNOWN {
        let what = format!(
            "RabbitMQ {version}: only rejects and lost consumers count as attempts, returns don't"
        );
        examined.ok(what);
    } else {
        let what =
            format!("RabbitMQ {version} is newer than any that this redeemq was tested with");
        examined.warning(what, "Look for a newer redeemq, or run its tests on this broker first");
    }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Server, Severity};
    use super::*;

    fn judged(product: &str, version: &str) -> (Severity, String) {
        let mut examined = Examination::of(Server::Broker);
        let (product, version) = (product.to_owned(), version.to_owned());
        judge(&mut examined, &ServerProperties { product, version });
        let finding = examined.findings.pop().expect("a finding");
        (finding.severity, finding.to_string())
    }

    #[test]
    fn versions_are_told_by_number_and_not_by_text() {
        for (version, severity, word) in [
            ("3.9.29", Severity::Fatal, "older than 3.10"),
            ("3.10.0", Severity::Ok, "each return"),
            ("3.13.7", Severity::Ok, "each return"),
            ("4.2.1", Severity::Ok, "each return"),
            ("4.3.0", Severity::Ok, "returns don't"),
            ("4.10.0-rc.1", Severity::Ok, "returns don't"),
            ("5.0.0", Severity::Warning, "newer than"),
            ("main", Severity::Warning, "cannot be parsed"),
        ] {
            let judged = judged("RabbitMQ", version);
            assert_eq!(judged.0, severity, "{version}");
            assert!(judged.1.contains(word), "{}", judged.1);
        }
    }

    #[test]
    fn another_product_will_not_do() {
        let (severity, text) = judged("LavinMQ", "4.0.0");
        assert_eq!(severity, Severity::Fatal);
        assert!(text.contains("LavinMQ"), "{text}");
    }
}
