//! Answers over HTTP that are no decision: what stands in the envelope's `response`.

use super::answer::Answer;
use schemars::JsonSchema;
use serde::Serialize;

/// What `/Auth` gives.
#[derive(Serialize, JsonSchema)]
pub struct Token {
    /// For the parameter `token`, or `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    #[schemars(extend("format" = "date-time"))]
    pub date_expire: String,
}

/// A job that the broker has confirmed.
#[derive(Serialize, JsonSchema)]
pub struct Queued<'a> {
    /// To ask after it.
    pub job_id: &'a str,
    /// It waits for its decision.
    #[schemars(extend("const" = "queued"))]
    pub status: &'static str,
}

/// What became of a job.
#[derive(Serialize, JsonSchema)]
pub struct Status<'a> {
    /// In its canonical form.
    pub job_id: &'a str,
    /// `dead` is undecided, and an operator decides.
    #[schemars(extend("enum" = ["queued", "done", "dead"]))]
    pub status: &'static str,
    /// Null where only the broker knows.
    #[schemars(extend("format" = "date-time"))]
    pub accepted_at: Option<String>,
    /// Null before the decision.
    #[schemars(extend("format" = "date-time"))]
    pub decided_at: Option<String>,
    /// The decision, once it is `done`.
    pub result: Option<Answer<'a>>,
}

/// What is known of a job whose confirm did not come.
#[derive(Serialize, JsonSchema)]
pub struct Fate {
    /// It may or may not have been accepted: try again with the same key.
    #[schemars(extend("const" = "unknown"))]
    pub accepted: &'static str,
}

impl Default for Fate {
    fn default() -> Self {
        Self { accepted: "unknown" }
    }
}

/// What a refusal before publishing says beside its code.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Refusal {
    /// Nothing was done.
    Nothing,
    /// It can't be known.
    Unknown(Fate),
}
