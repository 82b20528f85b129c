//! The results: one number a round for each variant and figure, and their goals.

use std::fmt;

use crate::variants::Variant;

/// The numbers of one variant for one figure, one a round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds the number of a round.
    pub(crate) fn add(&mut self, number: f64) {
        self.0.push(number);
        self.0.sort_by(f64::total_cmp);
    }

    /// The one in the middle; `None` if nothing was measured.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.0)
    }

    /// The smallest and the largest number.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }

    /// All, from the smallest.
    pub(crate) fn all(&self) -> &[f64] {
        &self.0
    }
}

/// The middle of sorted numbers, or the mean of the two there.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// A percentile of sorted numbers, by nearest rank: always one of them.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Megabytes,
    Bytes,
    Seconds,
    Minutes,
    Percent,
    Count,
}

impl Unit {
    /// Whether it measures what the same work costs, so that the ratio of two variants says
    /// something.
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Megabytes)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => " ms",
            Self::Megabytes => " MB",
            Self::Bytes => " bytes",
            Self::Seconds => " s",
            Self::Minutes => " min",
            Self::Percent => " %",
            Self::Count => "",
        })
    }
}

/// A goal of drover for a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most one part in so many of another variant's figure.
    PartOf(Variant, f64),
    /// At most so many times another variant's figure.
    TimesOf(Variant, f64),
    /// At most this.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its name in `results.json`.
    pub(crate) key: &'static str,
    /// Its name in the table.
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) goals: Vec<Goal>,
    samples: [Samples; 4],
}

impl Row {
    /// A line without numbers.
    pub(crate) fn new(
        key: &'static str,
        name: impl Into<String>,
        unit: Unit,
        goals: &[Goal],
    ) -> Self {
        Self {
            key,
            name: name.into(),
            unit,
            goals: goals.to_vec(),
            samples: Default::default(),
        }
    }

    /// The numbers of a variant.
    pub(crate) fn of(&self, variant: Variant) -> &Samples {
        let [drover, limit, python, node] = &self.samples;
        match variant {
            Variant::Drover => drover,
            Variant::Limit => limit,
            Variant::Python => python,
            Variant::Node => node,
        }
    }

    fn of_mut(&mut self, variant: Variant) -> &mut Samples {
        let [drover, limit, python, node] = &mut self.samples;
        match variant {
            Variant::Drover => drover,
            Variant::Limit => limit,
            Variant::Python => python,
            Variant::Node => node,
        }
    }

    /// Another variant's median divided by drover's; `None` where either was not measured or is
    /// zero.
    pub(crate) fn ratio(&self, variant: Variant) -> Option<f64> {
        let (ours, theirs) = (
            self.of(Variant::Drover).median()?,
            self.of(variant).median()?,
        );
        (ours > 0.0 && theirs > 0.0).then_some(theirs / ours)
    }

    /// Whether a goal is met; `None` where it was not measured.
    pub(crate) fn meets(&self, goal: Goal) -> Option<bool> {
        match goal {
            Goal::PartOf(variant, part) => self.ratio(variant).map(|ratio| ratio >= part),
            Goal::TimesOf(variant, times) => self.ratio(variant).map(|ratio| 1.0 / ratio <= times),
            Goal::AtMost(most) => self.of(Variant::Drover).median().map(|ours| ours <= most),
        }
    }
}

/// The lines about one scene.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// Its name in `results.json`.
    pub(crate) key: String,
    /// What it is about.
    pub(crate) title: String,
    /// When and how it was measured, where that can differ from the other sections.
    pub(crate) measured: Option<String>,
    pub(crate) rows: Vec<Row>,
}

impl Section {
    /// Adds a number of a round to the line with this name, if there is one.
    pub(crate) fn add(&mut self, key: &str, variant: Variant, number: f64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.key == key) {
            row.of_mut(variant).add(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_range_around_it() {
        let mut samples = Samples::default();
        assert_eq!((samples.median(), samples.range()), (None, None));

        for number in [9.0, 1.0, 3.0] {
            samples.add(number);
        }

        assert_eq!(
            (samples.median(), samples.range()),
            (Some(3.0), Some((1.0, 9.0)))
        );

        samples.add(4.0);
        assert_eq!(samples.median(), Some(3.5));
    }

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 99), Some(99.0));
        assert_eq!(percentile(&hundred, 100), Some(100.0));
        assert_eq!(percentile(&[7.0], 99), Some(7.0));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn a_goal_is_met_by_the_medians_of_one_run() {
        let goals = [
            Goal::PartOf(Variant::Python, 100.0),
            Goal::TimesOf(Variant::Limit, 2.0),
            Goal::AtMost(5.0),
        ];

        let mut section = Section {
            key: String::new(),
            title: String::new(),
            measured: None,
            rows: vec![Row::new("cpu", "", Unit::Milliseconds, &goals)],
        };

        let meets = |section: &Section| goals.map(|goal| section.rows[0].meets(goal));
        assert_eq!(meets(&section), [None, None, None]);

        section.add("cpu", Variant::Drover, 5.0);
        section.add("cpu", Variant::Limit, 2.5);
        section.add("cpu", Variant::Python, 500.0);

        assert_eq!(meets(&section), [Some(true); 3]);

        section.add("cpu", Variant::Drover, 5.2);
        assert_eq!(meets(&section), [Some(false); 3]);
    }
}
