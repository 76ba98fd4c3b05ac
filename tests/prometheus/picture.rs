//! Draws the dashboard as it looks over a minute and a half of a campaign: a flood comes, the worker is
//! killed, and another one comes. What is drawn is what the dashboard asks of Prometheus.

use crate::dashboard::Panel;
use crate::load::{Stack, USUAL};
use crate::server::Prometheus;
use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures/dashboard.svg");
/// Most panels that are drawn, of those with lines.
const LINES: usize = 15;
const COLUMNS: usize = 3;
const SIZE: (u32, u32) = (420, 230);
const NUMBERS: u32 = 90;
/// Over which rates are taken: shorter than on a dashboard of half an hour.
const OVER: &str = "5s";
const INK: RGBColor = RGBColor(60, 60, 70);
const COLOURS: [RGBColor; 8] = [
    RGBColor(31, 96, 196),
    RGBColor(224, 117, 26),
    RGBColor(55, 135, 45),
    RGBColor(196, 22, 42),
    RGBColor(143, 59, 184),
    RGBColor(0, 140, 150),
    RGBColor(120, 94, 20),
    RGBColor(110, 110, 120),
];

type Series = (String, Vec<(f64, f64)>);
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

async fn for_seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

pub async fn draw() {
    let stack = Stack::start().await;
    stack.site.goods("@cola", "goods_id,quantity\ncola,40000\n");
    let prometheus = Prometheus::beside(&stack.ingress, &stack.worker).await;
    for_seconds(5).await;
    let begun = now();
    for_seconds(20).await;
    stack.pace.store(USUAL * 20, Ordering::Relaxed);
    for_seconds(20).await;
    let stack = stack.without_worker();
    for_seconds(12).await;
    let stack = stack.with_worker_at(&prometheus).await;
    for_seconds(10).await;
    stack.pace.store(USUAL, Ordering::Relaxed);
    for_seconds(20).await;
    let ended = now();

    let mut drawn = Vec::new();
    for panel in Panel::all() {
        let mut series: Vec<Series> = Vec::new();
        for (query, name) in panel.queries(OVER) {
            for (labels, points) in prometheus.range(&query, begun, ended).await {
                let points = points.into_iter().map(|(at, value)| (at - begun, value));
                series.push((named(&name, &labels), points.collect()));
            }
        }
        // On a screen one points at lines; on paper those on the ground only hide the others.
        let moves = |points: &[(f64, f64)]| points.iter().any(|(_, value)| *value != 0.0);
        series.retain(|(_, points)| panel.kind == "stat" || moves(points));
        drawn.push((panel, series));
    }
    stack.close().await;
    paint(&drawn, ended - begun).expect("drawn");
}

/// A legend with its labels filled in.
fn named(legend: &str, labels: &Value) -> String {
    let mut name = legend.to_owned();
    for (label, value) in labels.as_object().into_iter().flatten() {
        name = name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default());
    }
    name
}

fn paint(panels: &[(Panel, Vec<Series>)], span: f64) -> Result<(), Box<dyn std::error::Error>> {
    let of = |kind: &'static str| {
        panels.iter().filter(move |(panel, series)| panel.kind == kind && !series.is_empty())
    };
    let rows = LINES.div_ceil(COLUMNS);
    let size = (SIZE.0 * COLUMNS as u32, NUMBERS + SIZE.1 * rows as u32);
    std::fs::create_dir_all(std::path::Path::new(FILE).parent().ok_or("no folder")?)?;
    let all = SVGBackend::new(FILE, size).into_drawing_area();
    all.fill(&WHITE)?;
    let (numbers, lines) = all.split_vertically(NUMBERS);
    let count = of("stat").take(6).count();
    for (area, (panel, series)) in numbers.split_evenly((1, count)).iter().zip(of("stat")) {
        number(area, panel, series)?;
    }
    for (area, (panel, series)) in lines.split_evenly((rows, COLUMNS)).iter().zip(of("timeseries"))
    {
        chart(area, panel, series, span)?;
    }
    all.present()?;
    Ok(())
}

fn number(
    area: &Area<'_>,
    panel: &Panel,
    series: &[Series],
) -> Result<(), Box<dyn std::error::Error>> {
    let last = series.iter().find_map(|(_, points)| points.last()).map_or(f64::NAN, |last| last.1);
    area.draw(&Text::new(
        panel.title.clone(),
        (12, 14),
        ("sans-serif", 14).into_font().color(&INK),
    ))?;
    let text = value(last, &panel.unit);
    area.draw(&Text::new(text, (12, 38), ("sans-serif", 34).into_font().color(&BLACK)))?;
    Ok(())
}

fn chart(
    area: &Area<'_>,
    panel: &Panel,
    series: &[Series],
    span: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let values = series.iter().flat_map(|(_, points)| points).map(|(_, value)| *value);
    let top = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.15 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 15).into_font().color(&INK))
        .margin(8)
        .x_label_area_size(20)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..span, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(228, 228, 232))
        .axis_style(INK)
        .x_labels(6)
        .y_labels(4)
        .x_label_formatter(&|at| format!("{at:.0} s"))
        .y_label_formatter(&|at| value(*at, &panel.unit))
        .label_style(("sans-serif", 11).into_font().color(&INK))
        .draw()?;
    for (place, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let points = points.iter().copied().filter(|(_, value)| value.is_finite());
        // A gap in time is a gap in the line.
        let points: Vec<(f64, f64)> = points.collect();
        let runs = points.chunk_by(|one, next| next.0 - one.0 < 2.5);
        for (number, run) in runs.enumerate() {
            let line = LineSeries::new(run.iter().copied(), colour.stroke_width(1));
            let drawn = chart.draw_series(line)?;
            if number == 0 {
                drawn.label(name).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 12, y)], colour.stroke_width(2))
                });
            }
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.7))
        .legend_area_size(16)
        .label_font(("sans-serif", 10).into_font().color(&INK))
        .draw()?;
    Ok(())
}

/// As people read it.
fn value(value: f64, unit: &str) -> String {
    match unit {
        "s" if value != 0.0 && value < 1.0 => format!("{:.0} ms", value * 1_000.0),
        "s" if value < 10.0 => format!("{value:.1} s"),
        "s" if value > 120.0 => format!("{:.0} min", value / 60.0),
        "s" => format!("{value:.0} s"),
        "percentunit" => format!("{:.0} %", value * 100.0),
        "bytes" => format!("{:.0} MB", value / 1e6),
        _ if value.abs() >= 10_000.0 => format!("{:.0}k", value / 1_000.0),
        _ if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}
