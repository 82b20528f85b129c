//! The part of JSONata that the state machines use, by <https://docs.jsonata.org>.
//!
//! An expression is read as a whole before it is evaluated, so one with an operator, a function or
//! a path that is not known here fails the test even where no execution gets to it.

mod expression;
mod functions;
mod read;
mod values;

pub(crate) use self::expression::{Expression, Variables};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{values::Evaluated, *};

    fn evaluated(text: &str) -> Evaluated {
        let variables = Variables::from([
            ("one".to_owned(), json!(1)),
            ("list".to_owned(), json!([1, 2])),
            ("nothing".to_owned(), Value::Null),
            (
                "report".to_owned(),
                json!({ "outcome": "done", "next": { "a": "b" }, "null": null }),
            ),
        ]);

        Expression::read(text).evaluate(&variables)
    }

    #[test]
    fn an_expression_has_the_value_that_jsonata_gives_it() {
        for (text, expected) in [
            ("'a' & 1 & $report.absent", json!("a1")),
            ("1 + 2", json!(3)),
            ("7 / 2", json!(3.5)),
            ("1 + 6 / 2", json!(4)),
            ("$report.next.a", json!("b")),
            ("$report.null", Value::Null),
            ("$exists($report.null)", json!(true)),
            ("$exists($report.next.x.y)", json!(false)),
            ("$exists($nothing.x)", json!(false)),
            ("$report.absent = $report.absent", json!(false)),
            ("$report.next = { 'a': 'b' }", json!(true)),
            ("$report.outcome in ['done', 'failed']", json!(true)),
            ("$report.outcome in 'done'", json!(true)),
            ("$report.absent in ['done']", json!(false)),
            ("'x' in $split('', ',')", json!(false)),
            ("true or false and false", json!(true)),
            ("false and $report.absent >= 1", json!(false)),
            ("1 = 1 and 2 >= 2", json!(true)),
            ("1 >= 2 ? 'yes' : 'no'", json!("no")),
            ("[$list, [$list], $report.absent]", json!([1, 2, [1, 2]])),
            ("{ 'a': $report.absent, 'b': $one }", json!({ "b": 1 })),
        ] {
            assert_eq!(evaluated(text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn nothing_stays_nothing() {
        for text in [
            "$report.absent",
            "1 + $report.absent",
            "$report.absent >= 1",
            "$string($report.absent)",
            "$split($report.absent, ',')",
        ] {
            assert_eq!(evaluated(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        for text in [
            "'a' + 1",
            "'a' >= 1",
            "1 and true",
            "$nothing ? 1 : 2",
            "$max(['a'])",
            "$floor('a')",
            "$split(1, ',')",
            "$join([1], ',')",
            "$merge([1])",
        ] {
            assert!(evaluated(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expression_that_is_not_known_here_is_refused() {
        for text in [
            "$now()",
            "$report.outcome != 'done'",
            "$list[0]",
            "$list.(1)",
            "outcome",
            "$report.*",
            "$map($list, function($x) { $x })",
            "1 - 1",
            "$one < 2",
            "($one := 2; $one)",
            "'a\\n'",
            "'a",
            "$exists()",
            "1 2",
            "",
        ] {
            let read = std::panic::catch_unwind(|| Expression::read(text));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "no state has assigned $absent")]
    fn a_variable_that_no_state_assigns_is_refused() {
        _ = evaluated("$exists($absent)");
    }
}
