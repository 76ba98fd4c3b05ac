//! What an examination says.

use serde::Serialize;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Ok,
    /// Works, and should be mended: it makes the next accident worse.
    Warning,
    /// Can break a promise: a worker refuses to start.
    Fatal,
}

/// Which server it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    Broker,
    Database,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub server: Server,
    pub what: String,
    /// What to do about it; none where nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Expected to be repaired soon, as in a deployment: a worker waits for that and does not refuse.
    #[serde(skip)]
    pub is_passing: bool,
}

/// Something that was not or could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    pub server: Server,
    /// What was to be checked.
    pub what: String,
    pub why: String,
    /// It should have been: the server is away, or does not let us look.
    pub failed: bool,
}

/// All that an examination of one server has brought.
#[derive(Debug, Clone)]
pub struct Examination {
    server: Server,
    pub findings: Vec<Finding>,
    /// What was not looked at.
    pub unchecked: Vec<Unchecked>,
}

/// Where an examination was at some time.
#[derive(Debug, Clone, Copy)]
pub struct SoFar {
    findings: usize,
    unchecked: usize,
}

impl Examination {
    pub fn of(server: Server) -> Self {
        Self { server, findings: Vec::new(), unchecked: Vec::new() }
    }

    /// All is well with this.
    pub fn ok(&mut self, what: impl Into<String>) {
        self.add(Severity::Ok, what.into(), None);
    }

    pub fn warning(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, what.into(), Some(remedy.into()));
    }

    /// It can break a promise.
    pub fn fatal(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Fatal, what.into(), Some(remedy.into()));
    }

    /// It would break a promise, and is normal for the seconds of a deployment.
    pub fn fatal_for_now(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.fatal(what, remedy);
        if let Some(last) = self.findings.last_mut() {
            last.is_passing = true;
        }
    }

    /// Not checked: a setting for it is missing.
    pub fn not_checked(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (server, what, why) = (self.server, what.into(), why.into());
        self.unchecked.push(Unchecked { server, what, why, failed: false });
    }

    pub fn failed(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (server, what, why) = (self.server, what.into(), why.into());
        self.unchecked.push(Unchecked { server, what, why, failed: true });
    }

    /// How far it has come.
    pub fn so_far(&self) -> SoFar {
        SoFar { findings: self.findings.len(), unchecked: self.unchecked.len() }
    }

    /// Whether all has been looked at since, and nothing found: only then may anything be called well.
    pub fn is_clean_since(&self, SoFar { findings, unchecked }: SoFar) -> bool {
        self.unchecked.len() == unchecked
            && self.findings[findings..].iter().all(|finding| finding.severity == Severity::Ok)
    }

    /// Whether a worker would refuse to start.
    pub fn is_fatal(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Fatal)
    }

    fn add(&mut self, severity: Severity, what: String, remedy: Option<String>) {
        let server = self.server;
        self.findings.push(Finding { severity, server, what, remedy, is_passing: false });
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Server::Broker => "broker",
            Server::Database => "database",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, ". {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_looked_at_and_bore_no_fault_is_clean() {
        type Step = fn(&mut Examination);
        let steps: [(Step, bool); 5] = [
            (|examined| examined.ok("well"), true),
            (|examined| examined.warning("odd", "mend it"), false),
            (|examined| examined.fatal("wrong", "mend it"), false),
            (|examined| examined.not_checked("something", "hidden"), false),
            (|examined| examined.failed("something", "away"), false),
        ];
        for (step, is_clean) in steps {
            let mut examined = Examination::of(Server::Broker);
            examined.warning("of before", "mend it");
            examined.not_checked("of before", "hidden");
            let before = examined.so_far();
            step(&mut examined);
            assert_eq!(examined.is_clean_since(before), is_clean, "{examined:?}");
        }
    }
}
