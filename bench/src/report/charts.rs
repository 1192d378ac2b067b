//! The diagrams of `report.html`, each an SVG text.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::table::number;
use crate::latencies::{from_base64, quantile_ms};
use crate::outcome::Outcome;
use crate::report::{Experiment, Figure, Series};

const WIDTH: u32 = 860;
const HEIGHT: u32 = 320;
const TEXT: (&str, u32) = ("sans-serif", 13);
/// Points of a latency curve: from the median to one in 100,000.
const QUANTILE_DECADES: usize = 5;
const POINTS_A_DECADE: usize = 12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// A named curve.
pub(super) type Curve = (String, Vec<(f64, f64)>);

fn svg(height: u32, draw: impl FnOnce(&Area<'_>) -> Outcome<()>) -> Outcome<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

/// Room for the half of the last label that stands beyond the axis.
const MARGIN_RIGHT: i32 = 30;

fn color(index: usize) -> RGBColor {
    const COLORS: [RGBColor; 12] = [
        RGBColor(199, 104, 34),
        RGBColor(31, 96, 160),
        RGBColor(29, 107, 58),
        RGBColor(140, 60, 130),
        RGBColor(90, 90, 90),
        RGBColor(180, 40, 60),
        RGBColor(20, 140, 150),
        RGBColor(150, 130, 20),
        RGBColor(232, 160, 110),
        RGBColor(120, 170, 225),
        RGBColor(120, 190, 130),
        RGBColor(205, 140, 200),
    ];
    COLORS[index % COLORS.len()]
}

/// Bars of one figure: the median of each, with a line from the least to the most round.
pub(super) fn bars(experiment: &Experiment, figure: &str) -> Outcome<Option<String>> {
    let measured: Vec<(&str, &Figure)> = experiment
        .series
        .iter()
        .filter_map(|series| Some((series.name.as_str(), series.figure(figure)?)))
        .collect();
    let Some((_, first)) = measured.first() else { return Ok(None) };
    let most = measured.iter().map(|(_, figure)| figure.most).fold(0.0, f64::max) * 1.15;
    if most <= 0.0 {
        return Ok(None);
    }
    let unit = first.unit.clone();
    let count = measured.len();
    let drawn = svg(60 + 26 * count as u32, |area| {
        let rows = (0..count - 1).into_segmented();
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(MARGIN_RIGHT)
            .x_label_area_size(36)
            .y_label_area_size(130)
            .build_cartesian_2d(0.0..most, rows)?;
        let name = |row: &SegmentValue<usize>| match row {
            // The first comes on top.
            SegmentValue::CenterOf(row) if *row < count => measured[count - 1 - row].0.to_owned(),
            SegmentValue::CenterOf(_) | SegmentValue::Exact(_) | SegmentValue::Last => {
                String::new()
            }
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(count)
            .y_label_formatter(&name)
            .x_label_formatter(&|value| number(*value))
            .x_desc(unit.as_str())
            .label_style(TEXT)
            .draw()?;
        for (place, (_, figure)) in measured.iter().enumerate() {
            let row = count - 1 - place;
            let low = SegmentValue::Exact(row);
            let high = if place == 0 { SegmentValue::Last } else { SegmentValue::Exact(row + 1) };
            let center = SegmentValue::CenterOf(row);
            let mut bar =
                Rectangle::new([(0.0, low), (figure.median, high)], color(0).mix(0.55).filled());
            bar.set_margin(4, 4, 0, 0);
            chart.draw_series([bar])?;
            let range = vec![(figure.least, center.clone()), (figure.most, center.clone())];
            chart.draw_series([PathElement::new(range, BLACK.stroke_width(1))])?;
            chart.draw_series([Text::new(
                format!("  {}", number(figure.median)),
                (figure.most, center),
                TEXT,
            )])?;
        }
        Ok(())
    });
    drawn.map(Some)
}

/// How many times as fast as others, on a logarithmic scale with a line at 1.
pub(super) fn ratios(ratios: &[(String, f64)]) -> Outcome<Option<String>> {
    let values = || ratios.iter().map(|(_, value)| *value);
    let (least, most) = (values().fold(0.5, f64::min) * 0.8, values().fold(2.0, f64::max) * 2.0);
    if ratios.is_empty() || least <= 0.0 {
        return Ok(None);
    }
    let count = ratios.len();
    let drawn = svg(60 + 26 * count as u32, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(MARGIN_RIGHT)
            .x_label_area_size(36)
            .y_label_area_size(210)
            .build_cartesian_2d((least..most).log_scale(), (0..count - 1).into_segmented())?;
        let name = |row: &SegmentValue<usize>| match row {
            SegmentValue::CenterOf(row) if *row < count => ratios[count - 1 - row].0.clone(),
            SegmentValue::CenterOf(_) | SegmentValue::Exact(_) | SegmentValue::Last => {
                String::new()
            }
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(count)
            .y_label_formatter(&name)
            .x_label_formatter(&|value| number(*value))
            .x_desc("times as fast")
            .label_style(TEXT)
            .draw()?;
        for (place, (_, value)) in ratios.iter().enumerate() {
            let row = SegmentValue::CenterOf(count - 1 - place);
            let line = vec![(1.0, row.clone()), (*value, row.clone())];
            chart.draw_series([PathElement::new(line, color(0).stroke_width(3))])?;
            chart.draw_series([Circle::new((*value, row.clone()), 5, color(0).filled())])?;
            chart.draw_series([Text::new(
                format!("   {}", number(*value)),
                (*value, row),
                TEXT,
            )])?;
        }
        Ok(())
    });
    drawn.map(Some)
}

/// Latency over the share of orders that were slower, both logarithmic.
pub(super) fn percentiles(experiment: &Experiment) -> Outcome<Option<String>> {
    let mut curves = Vec::new();
    for series in &experiment.series {
        if let Some(latency) = &series.latency {
            curves.push((series.name.clone(), quantiles(&from_base64(&latency.histogram)?)));
        }
    }
    let label = |decades: &f64| format!("{} %", trimmed(100.0 * (1.0 - 10_f64.powf(-decades))));
    lines(&curves, "orders at least as fast", "ms", true, &label)
}

fn quantiles(times: &crate::latencies::Times) -> Vec<(f64, f64)> {
    let points = QUANTILE_DECADES * POINTS_A_DECADE;
    let every = (0..=points).map(|point| point as f64 / POINTS_A_DECADE as f64);
    // Beyond the number of orders there is nothing to see.
    let known = every.take_while(|decades| 10_f64.powf(*decades) <= times.len() as f64);
    known
        .map(|decades| (decades, quantile_ms(times, 1.0 - 10_f64.powf(-decades)).max(0.001)))
        .collect()
}

fn trimmed(value: f64) -> String {
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Orders per flush over time.
pub(super) fn flushes(experiment: &Experiment) -> Outcome<Option<String>> {
    let with_flushes = experiment.series.iter().filter(|series| series.flushes.len() > 1);
    let curves: Vec<Curve> =
        with_flushes.map(|series| (series.name.clone(), series.flushes.clone())).collect();
    lines(&curves, "seconds", "orders of a flush", false, &|seconds| number(*seconds))
}

/// Median and 99th percentile over the offered load.
pub(super) fn load(experiment: &Experiment) -> Outcome<Option<String>> {
    let curve = |name: &str, figure: &str| {
        let point =
            |series: &Series| Some((series.median("offered_per_s")?, series.median(figure)?));
        (name.to_owned(), experiment.series.iter().filter_map(point).collect())
    };
    let curves: Vec<Curve> = vec![curve("median", "p50_ms"), curve("99th percentile", "p99_ms")];
    lines(&curves, "orders/s offered", "ms", false, &|rate| number(*rate))
}

fn lines(
    curves: &[Curve],
    x_is: &str,
    y_is: &str,
    log: bool,
    x_label: &dyn Fn(&f64) -> String,
) -> Outcome<Option<String>> {
    let all = || curves.iter().flat_map(|(_, points)| points.iter().copied());
    if all().count() < 2 {
        return Ok(None);
    }
    let (x_least, x_most) =
        all().fold((f64::MAX, f64::MIN), |(least, most), (x, _)| (least.min(x), most.max(x)));
    let (y_least, y_most) =
        all().fold((f64::MAX, f64::MIN), |(least, most), (_, y)| (least.min(y), most.max(y)));
    let drawn = svg(HEIGHT, |area| {
        let mut builder = ChartBuilder::on(area);
        builder.margin(10).margin_right(MARGIN_RIGHT).x_label_area_size(40).y_label_area_size(70);
        let x_range = x_least..x_most.max(x_least + 1e-9);
        // One macro would do: the two kinds of axes are different types.
        if log {
            let y_range = (y_least * 0.9..y_most * 1.1).log_scale();
            let chart = builder.build_cartesian_2d(x_range, y_range)?;
            draw_lines(chart, curves, x_is, y_is, x_label)
        } else {
            let chart = builder.build_cartesian_2d(x_range, 0.0..y_most * 1.1 + 1e-9)?;
            draw_lines(chart, curves, x_is, y_is, x_label)
        }
    });
    drawn.map(Some)
}

fn draw_lines<'a, Y>(
    mut chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedX, Y>>,
    curves: &[Curve],
    x_is: &str,
    y_is: &str,
    x_label: &dyn Fn(&f64) -> String,
) -> Outcome<()>
where
    Y: Ranged<ValueType = f64> + plotters::coord::ranged1d::ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc(x_is)
        .y_desc(y_is)
        .x_label_formatter(x_label)
        .y_label_formatter(&|value| number(*value))
        .label_style(TEXT)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (place, (name, points)) in curves.iter().enumerate() {
        let color = color(place);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(TEXT)
        .draw()?;
    Ok(())
}

type RangedX = plotters::coord::types::RangedCoordf64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::no_times;

    #[test]
    fn curves_end_where_the_orders_do() {
        let mut times = no_times();
        times.record_n(1_000, 1_000).unwrap();
        let points = quantiles(&times);
        assert!(points.iter().all(|(decades, _)| *decades <= 3.0));
        assert_eq!(points.len(), 3 * POINTS_A_DECADE + 1);
    }

    #[test]
    fn diagrams_are_drawn_and_nothing_gives_none() {
        let report = crate::report::ratios::tests::report(&[
            ("e", "hotrow", "orders_per_s", 10.0),
            ("e", "plain", "orders_per_s", 2.0),
        ]);
        let drawn = bars(&report.experiments[0], "orders_per_s").unwrap().unwrap();
        assert!(drawn.starts_with("<svg") && drawn.contains("plain"), "{drawn}");
        assert!(bars(&report.experiments[0], "nothing").unwrap().is_none());
        assert!(ratios(&[("plain".to_owned(), 110.0)]).unwrap().is_some());
        assert!(ratios(&[]).unwrap().is_none());
        assert!(flushes(&report.experiments[0]).unwrap().is_none());
    }
}
