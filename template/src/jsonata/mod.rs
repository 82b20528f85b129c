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
        let variables = [
            ("one", json!(1)),
            ("list", json!([1, 2])),
            ("nothing", Value::Null),
            (
                "report",
                json!({ "outcome": "done", "next": { "a": "b" }, "null": null }),
            ),
            (
                "targets",
                json!([
                    { "name": "a", "calls": [{ "of": "x" }, { "of": "y" }] },
                    { "name": "b", "calls": [{ "of": "z" }] },
                    { "name": "c", "calls": [] },
                ]),
            ),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), Some(value)));
        let variables = Variables::from(variables);

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
            ("'a\\nb'", json!("a\nb")),
            ("$list[0]", json!(1)),
            ("$one[0]", json!(1)),
            ("$list[$ >= 2]", json!(2)),
            ("['x', $one, 'y'][$type($) = 'string'][1]", json!("y")),
            ("$targets.name", json!(["a", "b", "c"])),
            ("$targets.calls.of", json!(["x", "y", "z"])),
            ("$targets[name = 'b'].calls", json!([{ "of": "z" }])),
            ("$targets[name = 'b'].calls.of", json!("z")),
            ("$targets[$exists(calls[of = 'y'])].`name`", json!("a")),
            ("$targets.(name & '!')", json!(["a!", "b!", "c!"])),
            ("$report.(outcome & '!')", json!("done!")),
            ("($two := $one + $one; $two + $one)", json!(3)),
            ("($x := $report.absent; $exists($x))", json!(false)),
            ("1 = 1 ? 'yes'", json!("yes")),
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
            "$list[2]",
            "$list[$ >= 3]",
            "$list.name",
            "$targets[name = 'd']",
            "$report.absent[0]",
            "$report.absent.(1)",
            "1 >= 2 ? 'yes'",
            "($x := $report.absent; $x)",
            "$parse($report.absent)",
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
            "$parse('{ \"a\": ')",
            "$parse(1)",
            "$replace(1, /a/, 'b')",
            "$contains($list, /a/)",
            "$list['a']",
        ] {
            assert!(evaluated(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expression_that_is_not_known_here_is_refused() {
        for text in [
            "$now()",
            "$report.outcome != 'done'",
            "outcome",
            "$",
            "$list[-1]",
            "$list[]",
            "$list.$one",
            "$list[$exists(name)",
            "$report.*",
            "$map($list, function($x) { $x })",
            "1 - 1",
            "$one < 2",
            "($two := 2)",
            "($two := 2; )",
            "(1; 2)",
            "$two := 2",
            "/a/",
            "[/a/]",
            "$exists(/a/)",
            "$split('a', /a/)",
            "$replace('a', 'a', 'b')",
            "$contains('a', /a/i)",
            "$contains('a', /\\w/)",
            "'a\\t'",
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
