//! The results as a picture: bars on a logarithmic scale, readable on light and on dark.

use std::fmt::Write as _;

use crate::{
    figures::{Row, Section},
    table::number,
    variants::Variant,
};

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 20.0;
const COLUMN: f64 = 430.0;
/// Where the bars of a column begin.
const BARS: f64 = 62.0;
/// The lengths of the longest and of the shortest bar.
const LONGEST: f64 = 270.0;
const SHORTEST: f64 = 3.0;
const BAR: f64 = 13.0;
const STEP: f64 = 18.0;
const HEADING: f64 = 26.0;
const GAP: f64 = 14.0;
const TOP: f64 = 78.0;
/// From one line of the notes to the next.
const LINE: f64 = 16.0;

const STYLE: &str = "
  text { font: 12px -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 } .job { font-size: 13px; font-weight: 600 }
  .figure { font-weight: 600 } .note { fill: #59636e; font-size: 11px }
  .drover { fill: #d1570b } .limit { fill: #818b98 } .python { fill: #3572a5 } .node { fill: #3c873a }
  .rule { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 } .rule { stroke: #3d444d }
    .drover { fill: #f0883e } .limit { fill: #9198a1 } .python { fill: #58a6ff } .node { fill: #56d364 }
  }
";

/// A picture of the lines with these names, a column a section.
pub(crate) fn svg(sections: &[Section], keys: &[&str], notes: &[String]) -> String {
    let block = HEADING + STEP * Variant::ALL.len() as f64 + GAP;
    let height = TOP + block * keys.len() as f64 + LINE * notes.len() as f64 + 10.0;
    let mut body = String::new();

    for (column, section) in sections.iter().enumerate() {
        let x = MARGIN + COLUMN * column as f64;
        text(&mut body, x, 58.0, "job", &section.title);
        for (position, key) in keys.iter().enumerate() {
            let row = section.rows.iter().find(|row| row.key == *key);
            if let Some(row) = row {
                bars(&mut body, x, TOP + block * position as f64, row);
            }
        }
    }

    let size = format!("width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\"");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" {size} role=\"img\">\n\
         <title>drover beside the same jobs without an SDK, in Node and in Python</title>\n<style>{STYLE}</style>\n"
    );
    text(
        &mut svg,
        MARGIN,
        28.0,
        "title",
        "Less is better; every scale is logarithmic",
    );
    svg.push_str(&body);

    // The last note is the lowest line of the picture.
    for (line, note) in notes.iter().rev().enumerate() {
        text(
            &mut svg,
            MARGIN,
            height - 12.0 - LINE * line as f64,
            "note",
            note,
        );
    }

    svg.push_str("</svg>\n");
    svg
}

fn bars(svg: &mut String, x: f64, y: f64, row: &Row) {
    let _ = writeln!(
        svg,
        "<line class=\"rule\" x1=\"{x}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>",
        x + COLUMN - 30.0
    );

    text(
        svg,
        x,
        y + 17.0,
        "figure",
        &format!("{},{}", row.name, row.unit),
    );
    let medians = Variant::ALL.map(|variant| row.of(variant).median());
    let measured = || {
        medians
            .iter()
            .flatten()
            .copied()
            .filter(|median| *median > 0.0)
    };

    let (least, most) = (
        measured().fold(f64::INFINITY, f64::min),
        measured().fold(0.0, f64::max),
    );
    for (position, (variant, median)) in Variant::ALL.iter().zip(medians).enumerate() {
        let y = y + HEADING + STEP * position as f64;
        text(svg, x, y + 10.5, "", variant.name());
        let Some(median) = median else {
            text(svg, x + BARS, y + 10.5, "note", "not measured");
            continue;
        };
        let length = length(median, least, most);
        let class = class(*variant);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            x + BARS
        );
        text(
            svg,
            x + BARS + length + 6.0,
            y + 10.5,
            "",
            &number(median, row.unit),
        );
    }
}

/// The length of a bar. The scale is logarithmic, and begins at the power of ten at or below the
/// smallest number.
fn length(number: f64, least: f64, most: f64) -> f64 {
    let from = least.log10().floor();
    let decades = (most.log10() - from).max(1.0);
    if number > 0.0 {
        ((number.log10() - from) / decades * LONGEST).max(SHORTEST)
    } else {
        SHORTEST
    }
}

fn class(variant: Variant) -> &'static str {
    match variant {
        Variant::Drover => "drover",
        Variant::Limit => "limit",
        Variant::Python => "python",
        Variant::Node => "node",
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Unit;

    #[test]
    fn text_cannot_break_the_picture() {
        assert_eq!(
            escape("<a href=\"x\"> & b"),
            "&lt;a href=&quot;x&quot;&gt; &amp; b"
        );
    }

    #[test]
    fn a_decade_is_as_long_as_another() {
        let lengths = [1.0, 10.0, 100.0].map(|number| length(number, 1.0, 100.0));
        assert_eq!(lengths, [SHORTEST, LONGEST / 2.0, LONGEST]);
        assert_eq!(length(5.0, 5.0, 5.0), length(5.0, 5.0, 6.0));
        assert_eq!(length(0.0, 1.0, 100.0), SHORTEST);
    }

    #[test]
    fn a_bar_says_its_median_and_a_figure_that_is_missing_says_so() {
        let mut section = Section {
            key: String::new(),
            title: "Jobs & more".to_owned(),
            measured: None,
            rows: vec![Row::new("cpu", "processor time", Unit::Milliseconds, &[])],
        };

        section.add("cpu", Variant::Drover, 4.5);
        let svg = svg(&[section], &["cpu"], &["a note".to_owned()]);
        assert!(
            svg.contains(">4.50</text>") && svg.contains("Jobs &amp; more"),
            "{svg}"
        );
        assert_eq!(svg.matches("<rect").count(), 1);
        assert_eq!(svg.matches(">not measured<").count(), 3);
    }
}
