//! The dashboard of `deploy/grafana`, read as Grafana reads it.

use serde_json::Value;

/// One of its panels.
pub struct Panel {
    pub title: String,
    pub kind: String,
    pub unit: String,
    targets: Vec<(String, String)>,
}

impl Panel {
    /// All of them, in their order.
    pub fn all() -> Vec<Self> {
        let text = include_str!("../../deploy/grafana/dashboards/redeemq.json");
        let dashboard: Value = serde_json::from_str(text).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = |target: &Value| (text(&target["expr"]), text(&target["legendFormat"]));
        let panel = |panel: &Value| Panel {
            title: text(&panel["title"]),
            kind: text(&panel["type"]),
            unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
            targets: panel["targets"].as_array().expect("targets").iter().map(target).collect(),
        };
        dashboard["panels"].as_array().expect("panels").iter().map(panel).collect()
    }

    /// Its queries and how their series are named, with rates over this time.
    pub fn queries(&self, over: &str) -> Vec<(String, String)> {
        let query = |(query, name): &(String, String)| {
            (query.replace("$__rate_interval", over), name.clone())
        };
        self.targets.iter().map(query).collect()
    }
}
