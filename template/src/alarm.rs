//! Alarms over series of metrics, as CloudWatch evaluates them, by
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.
//!
//! Only the metric math that the template uses is known here; any other fails the test. How many periods must breach is
//! by <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>. CloudWatch also looks at
//! some periods from before if data is missing, and does not say at how many; here it looks at none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::values::text_of;

/// Is zero for the minute in which a letter arrives, and for one minute a day, so that an alarm
/// that is on goes off again.
pub const LETTERS: &str = "IF(DIFF(m1) > 0 OR (HOUR(m1) == 6 AND MINUTE(m1) == 0), 0, m1)";

/// A metric, by its namespace, its name and its dimensions in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Such as `AWS/SQS`.
    pub namespace: String,
    /// Such as `ApproximateAgeOfOldestMessage`.
    pub name: String,
    /// Each with its value.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// A metric as an alarm refers to it.
    #[must_use]
    pub fn read(metric: &Value) -> Self {
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let mut dimensions: Vec<_> = dimensions
            .map(|it| (text_of(&it["Name"]), text_of(&it["Value"])))
            .collect();
        // Their order in the template means nothing.
        dimensions.sort();

        Self {
            namespace: text_of(&metric["Namespace"]),
            name: text_of(&metric["MetricName"]),
            dimensions,
        }
    }
}

/// The values of a metric by the minute. A minute without a value has no data.
pub type Points = BTreeMap<u64, f64>;

/// A metric of an alarm, with its statistic.
#[derive(Debug, Clone)]
pub struct Stat {
    /// What the expression calls it.
    pub id: String,
    /// The metric.
    pub metric: Metric,
    /// `Sum` or `Maximum`.
    pub statistic: String,
    /// In minutes.
    pub period: u64,
}

/// An alarm as it is defined.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Its metrics.
    pub stats: Vec<Stat>,
    /// What is compared with the threshold.
    pub expression: String,
    /// In minutes.
    pub period: u64,
    /// So many of the last periods are looked at.
    pub periods: u64,
    /// And so many of them must breach, in a row or not.
    pub datapoints: u64,
    /// Such as `GreaterThanThreshold`.
    pub comparison: String,
    /// The threshold.
    pub threshold: f64,
}

impl Alarm {
    /// An alarm as the template defines it.
    #[must_use]
    pub fn read(alarm: &Value) -> Self {
        let queries = alarm["Metrics"].as_array().unwrap();
        let stats = queries.iter().filter(|it| it.get("MetricStat").is_some());
        let stats: Vec<Stat> = stats.map(Stat::read).collect();

        // One query returns its data, and that is what is compared.
        let returned: Vec<&Value> = queries
            .iter()
            .filter(|query| query.get("ReturnData") != Some(&Value::Bool(false)))
            .collect();
        let [result] = returned[..] else {
            panic!("{} has one result", alarm["AlarmName"])
        };
        let expression = text_of(result.get("Expression").unwrap_or(&result["Id"]));

        let mut periods: Vec<u64> = stats.iter().map(|stat| stat.period).collect();
        periods.extend(result.get("Period").map(minutes));
        periods.dedup();
        let [period] = periods[..] else {
            panic!("{} has one period: {periods:?}", alarm["AlarmName"])
        };

        let periods = number(&alarm["EvaluationPeriods"]) as u64;
        let datapoints = alarm.get("DatapointsToAlarm");

        Self {
            stats,
            expression,
            period,
            periods,
            datapoints: datapoints.map_or(periods, |it| number(it) as u64),
            comparison: text_of(&alarm["ComparisonOperator"]),
            threshold: number(&alarm["Threshold"]),
        }
    }

    /// The minutes at whose end the alarm goes off, up to this one. It does when its state changes.
    #[must_use]
    pub fn rings(&self, series: &BTreeMap<Metric, Points>, until: u64) -> Vec<u64> {
        let on = self.minutes_on(series, until);

        on.iter()
            .filter(|minute| !on.contains(&(*minute - 1)))
            .copied()
            .collect()
    }

    /// The minutes at whose end the alarm is in ALARM, up to this one.
    #[must_use]
    pub fn minutes_on(&self, series: &BTreeMap<Metric, Points>, until: u64) -> BTreeSet<u64> {
        let minutes = 1..=until;
        let breaching: BTreeSet<u64> = minutes
            .clone()
            .filter(|end| self.is_breaching(series, *end))
            .collect();
        let is_on = |now: &u64| {
            // What lies before the first minute has no data.
            let ends = (0..self.periods).filter_map(|number| now.checked_sub(number * self.period));
            let count = ends.filter(|end| breaching.contains(end)).count();
            count as u64 >= self.datapoints
        };

        minutes.filter(is_on).collect()
    }

    /// Whether the period that ends here breaches. Missing data does not.
    fn is_breaching(&self, series: &BTreeMap<Metric, Points>, end: u64) -> bool {
        let Some(value) = self.value(series, end) else {
            return false;
        };

        match self.comparison.as_str() {
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "GreaterThanThreshold" => value > self.threshold,
            other => panic!("{other} is not known here"),
        }
    }

    /// The value of the expression for the period that ends here.
    fn value(&self, series: &BTreeMap<Metric, Points>, end: u64) -> Option<f64> {
        let value = |stat: &Stat, end: u64| stat.value(series.get(&stat.metric)?, end);
        let values = self.stats.iter().filter_map(|stat| value(stat, end));

        match self.expression.as_str() {
            "SUM(METRICS())" => values.reduce(|sum, value| sum + value),
            "MAX(METRICS())" => values.reduce(f64::max),
            LETTERS => {
                let [letters] = &self.stats[..] else {
                    panic!("{} counts in one queue", self.expression)
                };
                let now = value(letters, end)?;
                // Without a value before there is no difference.
                let Some(before) = value(letters, end.saturating_sub(self.period)) else {
                    return Some(now);
                };
                let minute = end - self.period;
                let is_the_hour = (minute / 60 % 24, minute % 60) == (6, 0);
                Some(if now > before || is_the_hour {
                    0.0
                } else {
                    now
                })
            }
            select if select.starts_with("SELECT ") => self.selected(select, series, end),
            id => {
                let stat = self.stats.iter().find(|stat| stat.id == id);
                let stat = stat.unwrap_or_else(|| panic!("{id} is not known here"));
                value(stat, end)
            }
        }
    }

    /// The largest value of every metric with these dimensions, as Metrics Insights selects it.
    fn selected(&self, select: &str, series: &BTreeMap<Metric, Points>, end: u64) -> Option<f64> {
        let rest = select.strip_prefix("SELECT MAX(").unwrap();
        let (name, rest) = rest.split_once(") FROM SCHEMA(\"").unwrap();
        let (namespace, rest) = rest.split_once("\", ").unwrap();
        let dimensions: Vec<&str> = rest.strip_suffix(')').unwrap().split(", ").collect();

        let stat = |metric: &Metric| Stat {
            id: String::new(),
            metric: metric.clone(),
            statistic: "Maximum".to_owned(),
            period: self.period,
        };
        // A metric with one more dimension is another one.
        let fits = |metric: &Metric| {
            metric.namespace == namespace
                && metric.name == name
                && metric
                    .dimensions
                    .iter()
                    .map(|(name, _)| name)
                    .eq(&dimensions)
        };
        let values = series
            .iter()
            .filter(|(metric, _)| fits(metric))
            .filter_map(|(metric, points)| stat(metric).value(points, end));

        values.reduce(f64::max)
    }
}

impl Stat {
    fn read(query: &Value) -> Self {
        let stat = &query["MetricStat"];

        Self {
            id: text_of(&query["Id"]),
            metric: Metric::read(&stat["Metric"]),
            statistic: text_of(&stat["Stat"]),
            period: minutes(&stat["Period"]),
        }
    }

    /// The statistic of the period that ends here.
    fn value(&self, points: &Points, end: u64) -> Option<f64> {
        let values = points
            .range(end.saturating_sub(self.period)..end)
            .map(|(_, value)| *value);

        match self.statistic.as_str() {
            "Sum" => values.reduce(|sum, value| sum + value),
            "Maximum" => values.reduce(f64::max),
            other => panic!("{other} is not known here"),
        }
    }
}

/// A period, which the template gives in seconds.
fn minutes(period: &Value) -> u64 {
    let seconds = number(period) as u64;
    assert!(seconds > 0 && seconds.is_multiple_of(60), "{seconds}");

    seconds / 60
}

/// A parameter arrives as text.
fn number(value: &Value) -> f64 {
    text_of(value).parse().unwrap()
}
