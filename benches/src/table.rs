//! The results as text, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    figures::{Goal, Row, Section, Unit},
    variants::Variant,
};

/// What stands where nothing was measured.
const NOTHING: &str = "-";

/// The sections as one Markdown table each, aligned.
pub(crate) fn markdown(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        let _ = writeln!(text, "### {}\n", section.title);
        if let Some(measured) = &section.measured {
            let _ = writeln!(text, "{measured}\n");
        }
        let mut lines = vec![header()];
        lines.extend(section.rows.iter().map(line));
        text.push_str(&aligned(&lines));
        text.push('\n');
    }
    text
}

fn header() -> Vec<String> {
    let mut cells = vec!["figure".to_owned()];
    cells.extend(Variant::ALL.map(|variant| variant.name().to_owned()));
    cells.extend(["of Python's", "of Node's", "of no SDK's", "goal"].map(str::to_owned));
    cells
}

fn line(row: &Row) -> Vec<String> {
    let unit = row.unit.to_string();
    let name = if unit.is_empty() {
        row.name.clone()
    } else {
        format!("{},{unit}", row.name)
    };

    let mut cells = vec![name];
    cells.extend(Variant::ALL.map(|variant| cell(row, variant)));
    let compared = [Variant::Python, Variant::Node, Variant::Limit];
    cells.extend(compared.map(|variant| {
        row.ratio(variant)
            .filter(|_| row.unit.compares())
            .map_or_else(none, share)
    }));
    let goals: Vec<String> = row.goals.iter().map(|goal| verdict(row, *goal)).collect();
    cells.push(goals.join(", "));

    cells
}

fn none() -> String {
    NOTHING.to_owned()
}

/// The median and the range, if there is one.
fn cell(row: &Row, variant: Variant) -> String {
    let samples = row.of(variant);
    match (samples.median(), samples.range()) {
        (Some(median), Some((least, most))) if least < most => {
            format!(
                "{} ({} to {})",
                number(median, row.unit),
                number(least, row.unit),
                number(most, row.unit)
            )
        }
        (Some(median), _) => number(median, row.unit),
        _ => none(),
    }
}

/// A number with as many digits as say something.
pub(crate) fn number(number: f64, unit: Unit) -> String {
    match (unit, number) {
        (Unit::Count | Unit::Bytes, _) if number.fract() == 0.0 => format!("{number:.0}"),
        (Unit::Count, _) => format!("{number:.2}"),
        (_, ..10.0) => format!("{number:.2}"),
        (_, ..100.0) => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// What drover's figure is of another variant's: a fraction, or a multiple where it is larger.
fn share(ratio: f64) -> String {
    match ratio {
        10.0.. => format!("1/{ratio:.0}"),
        1.0.. => format!("1/{ratio:.1}"),
        _ => format!("{:.1} times", 1.0 / ratio),
    }
}

fn verdict(row: &Row, goal: Goal) -> String {
    let asked = match goal {
        Goal::PartOf(variant, part) => format!("1/{part} of {}", variant.name()),
        Goal::TimesOf(variant, times) => format!("{times} times {}", variant.name()),
        Goal::AtMost(most) => format!("{most}{}", row.unit),
    };

    let met = match row.meets(goal) {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "not measured",
    };

    format!("{asked}: {met}")
}

fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines.first().map_or(0, Vec::len))
        .map(|at| {
            lines
                .iter()
                .filter_map(|line| line.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();

    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if at == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rules.join(" | "));
        }
    }

    text
}

/// Everything as JSON.
pub(crate) fn json(sections: &[Section], about: &Value) -> Value {
    let sections: Vec<Value> = sections
        .iter()
        .map(|section| {
            let rows: Vec<Value> = section.rows.iter().map(row).collect();
            json!({
                "section": section.key,
                "title": section.title,
                "measured": section.measured,
                "figures": rows,
            })
        })
        .collect();
    json!({ "about": about, "sections": sections })
}

/// Gives a section the title and the numbers that it has in such JSON; `None` where it is not there.
pub(crate) fn read(json: &Value, mut section: Section) -> Option<Section> {
    let kept = json
        .get("sections")?
        .as_array()?
        .iter()
        .find(|kept| kept.get("section") == Some(&json!(section.key)))?;

    kept.get("title")?.as_str()?.clone_into(&mut section.title);
    section.measured = kept
        .get("measured")
        .and_then(Value::as_str)
        .map(str::to_owned);

    for figure in kept.get("figures")?.as_array()? {
        let name = figure.get("figure")?.as_str()?;
        for variant in Variant::ALL {
            let numbers = figure.get("variants")?.get(variant.name())?.get("rounds")?;
            let numbers = numbers.as_array()?.iter().filter_map(Value::as_f64);
            numbers.for_each(|number| section.add(name, variant, number));
        }
    }

    Some(section)
}

fn row(row: &Row) -> Value {
    let variants = Variant::ALL.map(|variant| {
        let samples = row.of(variant);
        let (least, most) = samples.range().unzip();
        let numbers = json!({
            "median": samples.median(), "least": least, "most": most, "rounds": samples.all(),
        });
        (variant.name().to_owned(), numbers)
    });

    let goals: Vec<Value> = row
        .goals
        .iter()
        .map(|goal| json!({ "goal": verdict(row, *goal), "met": row.meets(*goal) }))
        .collect();

    json!({
        "figure": row.key,
        "name": row.name,
        "unit": row.unit.to_string().trim(),
        "variants": Value::Object(variants.into_iter().collect()),
        "goals": goals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let goals = [
            Goal::PartOf(Variant::Python, 100.0),
            Goal::PartOf(Variant::Node, 45.0),
        ];
        let mut section = Section {
            key: "job".to_owned(),
            title: "A job".to_owned(),
            measured: Some("Today".to_owned()),
            rows: vec![Row::new(
                "cpu",
                "processor time",
                Unit::Milliseconds,
                &goals,
            )],
        };

        let measured = [
            (Variant::Drover, [4.0, 6.0]),
            (Variant::Limit, [2.0, 3.0]),
            (Variant::Python, [400.0, 400.0]),
        ];

        for (variant, numbers) in measured {
            numbers
                .into_iter()
                .for_each(|number| section.add("cpu", variant, number));
        }

        section
    }

    #[test]
    fn a_line_has_medians_with_ranges_shares_and_whether_the_goal_was_met() {
        let text = markdown(&[section()]);
        let line = text.lines().last().unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.contains("processor time"))
            .unwrap_or(line);

        assert!(line.contains("| 5.00 (4.00 to 6.00) |"), "{text}");
        assert!(line.contains("| 400 "), "{text}");
        assert!(line.contains("| 1/80 "), "{text}");
        assert!(line.contains("| 2.0 times "), "{text}");
        assert!(
            line.contains("1/100 of Python: MISSED, 1/45 of Node: not measured |"),
            "{text}"
        );

        let widths: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(str::len)
            .collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn programs_read_the_same() {
        let json = json(&[section()], &json!({}));
        assert_eq!(
            json["sections"][0]["figures"][0]["variants"]["drover"]["median"],
            5.0
        );
        assert_eq!(json["sections"][0]["figures"][0]["goals"][0]["met"], false);
        assert_eq!(
            json["sections"][0]["figures"][0]["goals"][1]["met"],
            Value::Null
        );
    }

    #[test]
    fn a_section_is_read_as_it_was_kept() {
        let (kept, none) = (
            section(),
            section()
                .rows
                .iter()
                .map(|row| Row::new(row.key, "", row.unit, &[]))
                .collect(),
        );

        let mut empty = Section {
            key: "job".to_owned(),
            title: String::new(),
            measured: None,
            rows: none,
        };

        let json = json(std::slice::from_ref(&kept), &json!({}));
        let again = read(&json, empty.clone()).unwrap();
        assert_eq!(
            (&again.title, &again.measured),
            (&kept.title, &kept.measured)
        );
        for variant in Variant::ALL {
            assert_eq!(again.rows[0].of(variant), kept.rows[0].of(variant));
        }

        empty.key = "other".to_owned();
        assert!(read(&json, empty).is_none());
    }

    #[test]
    fn numbers_have_as_many_digits_as_say_something() {
        let cases = [(1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234")];
        for (given, text) in cases {
            assert_eq!(number(given, Unit::Milliseconds), text);
        }
        assert_eq!(
            (number(8.0, Unit::Count), number(0.5, Unit::Count)),
            ("8".to_owned(), "0.50".to_owned())
        );
    }
}
