//! Curves, as SVG.

use crate::book::Book;
use crate::bounds::bound_name;
use crate::growth;
use crate::jobs::Keys;
use crate::latencies::{self, Who};
use crate::plan::Plan;
use crate::{stats, table};
use plotters::coord::Shift;
use plotters::prelude::*;
use redeemq::worker::context::BATCH_MAX;
use std::path::Path;

const SIZE: (u32, u32) = (720, 400);
/// Blue and orange, full and light: told apart by those who don't see red or green as well.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 90, 160), RGBColor(110, 170, 220), RGBColor(200, 90, 0), RGBColor(240, 170, 90)];

/// One curve.
struct Curve {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// A picture with its axes.
struct Picture {
    file: &'static str,
    title: &'static str,
    across: &'static str,
    up: &'static str,
    /// Whether latencies, which differ by magnitudes, are drawn.
    is_logarithmic: bool,
    curves: Vec<Curve>,
}

/// Draws those whose numbers were measured.
pub fn draw(folder: &Path, book: &Book, plan: &Plan) -> anyhow::Result<()> {
    for picture in [by_load(book, plan), by_bound(book, plan), by_ledger(book, plan)] {
        if picture.curves.iter().all(|curve| curve.points.len() > 1) {
            let file = folder.join(picture.file);
            picture.draw(&file)?;
            table::drawn(&file);
        }
    }
    Ok(())
}

fn by_load(book: &Book, plan: &Plan) -> Picture {
    let curve = |name, who, percent| {
        let at = |load: &u32| {
            Some((f64::from(*load), book.median(&latencies::name(who, *load, percent))?))
        };
        Curve { name, points: plan.loads.iter().filter_map(at).collect() }
    };
    Picture {
        file: "latency-by-load.svg",
        title: "Latency by load, request to result",
        across: "load, percent of the highest throughput",
        up: "milliseconds",
        is_logarithmic: true,
        curves: vec![
            curve("redeemq, p99", Who::Worker, "p99"),
            curve("redeemq, p50", Who::Worker, "p50"),
            curve("broker alone, p99", Who::Echo, "p99"),
            curve("broker alone, p50", Who::Echo, "p50"),
        ],
    }
}

fn by_bound(book: &Book, plan: &Plan) -> Picture {
    let mut bounds = plan.bounds.clone();
    bounds.extend([1, BATCH_MAX as u16]);
    bounds.sort_unstable();
    let at = |bound: &u16| Some((f64::from(*bound), book.median(&bound_name(*bound))?));
    let points = bounds.iter().filter_map(at).collect();
    Picture {
        file: "throughput-by-batch.svg",
        title: "Throughput by the most jobs in a batch",
        across: "most jobs in a batch",
        up: "jobs a second",
        is_logarithmic: false,
        curves: vec![Curve { name: "one goods row", points }],
    }
}

fn by_ledger(book: &Book, plan: &Plan) -> Picture {
    let curve = |name, keys| {
        let of = |rows, is_empty| book.values(&growth::name(keys, rows, is_empty));
        let at = |rows: &u64| {
            let ratio = stats::spread(&stats::ratios(of(*rows, false), of(*rows, true)))?;
            Some((*rows as f64 / 1e6, ratio.median))
        };
        let grown = plan.ledger.iter().filter_map(at);
        Curve { name, points: std::iter::once((0.0, 1.0)).chain(grown).collect() }
    };
    Picture {
        file: "throughput-by-ledger.svg",
        title: "Throughput by the size of the ledger, as a share of that with an empty one",
        across: "million rows",
        up: "share",
        is_logarithmic: false,
        curves: vec![
            curve("keys in order of time", Keys::Drawn),
            curve("hashed keys", Keys::Hashed),
        ],
    }
}

impl Picture {
    fn draw(&self, file: &Path) -> anyhow::Result<()> {
        let root = SVGBackend::new(file, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let all = || self.curves.iter().flat_map(|curve| &curve.points);
        let right = all().map(|point| point.0).fold(0.0, f64::max) * 1.02;
        let top = all().map(|point| point.1).fold(0.0, f64::max);
        let low = all().map(|point| point.1).fold(f64::MAX, f64::min);
        match self.is_logarithmic {
            true => self.draw_on(&root, right, (low * 0.7..top * 1.5).log_scale()),
            false => self.draw_on(&root, right, 0.0..top * 1.15),
        }?;
        root.present()?;
        Ok(())
    }

    fn draw_on<Y>(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        right: f64,
        up: impl plotters::coord::ranged1d::AsRangedCoord<CoordDescType = Y, Value = f64>,
    ) -> anyhow::Result<()>
    where
        Y: plotters::coord::ranged1d::Ranged<ValueType = f64>
            + plotters::coord::ranged1d::ValueFormatter<f64>,
    {
        let mut builder = ChartBuilder::on(root);
        builder.caption(self.title, ("sans-serif", 18)).margin(12);
        builder.x_label_area_size(40).y_label_area_size(70);
        let mut chart = builder.build_cartesian_2d(0.0..right, up)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_label_formatter(&|x| short(*x)).y_label_formatter(&|y| short(*y));
        mesh.x_desc(self.across).y_desc(self.up).light_line_style(TRANSPARENT);
        mesh.label_style(("sans-serif", 13)).axis_desc_style(("sans-serif", 14)).draw()?;
        for (curve, colour) in self.curves.iter().zip(COLOURS) {
            let style = colour.stroke_width(2);
            let line = LineSeries::new(curve.points.iter().copied(), style);
            let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style);
            chart.draw_series(line)?.label(curve.name).legend(key);
            let dots = curve.points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
            chart.draw_series(dots)?;
        }
        let mut legend = chart.configure_series_labels();
        let place = match self.is_logarithmic {
            true => SeriesLabelPosition::UpperLeft,
            false => SeriesLabelPosition::LowerRight,
        };
        legend.position(place).label_font(("sans-serif", 13));
        legend.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2)).draw()?;
        Ok(())
    }
}

/// Without zeros that say nothing.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
