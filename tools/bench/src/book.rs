//! What was measured: series by name.

use crate::stats::{self, Spread};
use std::collections::BTreeMap;

/// One thing, measured several times.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Series {
    /// Of the values.
    pub unit: &'static str,
    /// In the order of the rounds.
    pub values: Vec<f64>,
}

/// All of them, in the order in which they were first measured.
#[derive(Debug, Clone, Default)]
pub struct Book {
    order: Vec<String>,
    series: BTreeMap<String, Series>,
    /// What a reader should know beside the numbers.
    pub notes: Vec<String>,
}

impl Book {
    /// One more measurement.
    pub fn add(&mut self, name: impl Into<String>, unit: &'static str, value: f64) {
        let name = name.into();
        if !self.series.contains_key(&name) {
            self.order.push(name.clone());
        }
        let series = self.series.entry(name).or_default();
        series.unit = unit;
        series.values.push(value);
    }

    /// Something that is no number.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// All measurements of one thing; none if it was not measured.
    pub fn values(&self, name: &str) -> &[f64] {
        self.series.get(name).map_or(&[], |series| &series.values)
    }

    /// Their middle.
    pub fn median(&self, name: &str) -> Option<f64> {
        stats::spread(self.values(name)).map(|spread| spread.median)
    }

    /// Everything, each with its unit and spread.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &'static str, Spread)> {
        self.order.iter().filter_map(|name| {
            let series = &self.series[name];
            Some((name.as_str(), series.unit, stats::spread(&series.values)?))
        })
    }

    /// As it goes into the file.
    pub fn series(&self) -> &BTreeMap<String, Series> {
        &self.series
    }
}
