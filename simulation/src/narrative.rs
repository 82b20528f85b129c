//! What happened in a run, line by line, and what of it matters to whoever reads a failing seed.

/// One line of a narrative.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Line {
    /// When it happened, and what, in words.
    pub(crate) text: String,
    pub(crate) about: About,
}

/// What a line is about, where that decides whether it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum About {
    /// The attempt with this number begins.
    Beginning(usize),
    /// A call of an attempt, and whether it had an effect.
    Call { attempt: usize, changed: bool },
    /// Anything else of an attempt.
    Attempt(usize),
    /// A promise was broken.
    Violation,
    /// Whatever happens beside the attempts.
    World,
}

impl About {
    fn attempt(self) -> Option<usize> {
        match self {
            Self::Beginning(attempt) | Self::Call { attempt, .. } | Self::Attempt(attempt) => {
                Some(attempt)
            }
            Self::Violation | Self::World => None,
        }
    }
}

/// The first violation of a narrative.
pub(crate) fn first_violation(narrative: &[Line]) -> Option<&Line> {
    narrative.iter().find(|line| line.about == About::Violation)
}

/// A narrative up to its first violation, and the command that shows what comes after it. Of the
/// attempts that ended before the one that is wrong began, only what they changed and reported.
pub(crate) fn until_violation(narrative: &[Line], command: &str) -> Vec<String> {
    let is_violation = |line: &Line| line.about == About::Violation;
    let first = narrative.iter().position(is_violation);
    let (told, rest) = narrative.split_at(first.unwrap_or(narrative.len()));

    let begins = beginning_of_last(told);
    let is_left_out = |(index, line): &(usize, &Line)| {
        *index < begins && matches!(line.about, About::Call { changed: false, .. })
    };
    let (left_out, shown): (Vec<_>, Vec<_>) = told.iter().enumerate().partition(is_left_out);

    // Others that were noticed at once belong to it.
    let noticed = rest.iter().take_while(|line| is_violation(line));
    let shown = shown.into_iter().map(|(_, line)| line);
    let mut lines: Vec<String> = shown.chain(noticed).map(|line| line.text.clone()).collect();

    let (left_out, more) = (
        left_out.len(),
        narrative.len() - left_out.len() - lines.len(),
    );
    lines.push(format!(
        "\n{left_out} calls of earlier attempts, which changed nothing, and {more} lines that come \
         after are left out: {command}"
    ));
    lines
}

/// Where the attempt begins that was the last to do anything.
fn beginning_of_last(narrative: &[Line]) -> usize {
    let mut attempts = narrative.iter().rev();
    let last = attempts.find_map(|line| line.about.attempt());

    let mut lines = narrative.iter();
    let begins = last.and_then(|last| lines.position(|it| it.about == About::Beginning(last)));
    begins.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_earlier_attempts_only_what_they_changed_and_reported_is_told() {
        let call = |attempt, changed| About::Call { attempt, changed };
        let narrative: Vec<Line> = [
            ("0 begins", About::Beginning(0)),
            ("0 reads", call(0, false)),
            ("0 changes", call(0, true)),
            ("0 reports", About::Attempt(0)),
            ("1 begins", About::Beginning(1)),
            ("1 reads", call(1, false)),
            ("others change", About::World),
            ("wrong", About::Violation),
            ("wrong as well", About::Violation),
            ("2 begins", About::Beginning(2)),
            ("wrong again", About::Violation),
        ]
        .into_iter()
        .map(|(text, about)| Line {
            text: text.to_owned(),
            about,
        })
        .collect();

        let wrong = first_violation(&narrative).unwrap();
        assert_eq!(wrong.text, "wrong");
        let mut told = until_violation(&narrative, "the command");
        let last = told.pop().unwrap();
        assert!(
            last.contains("1 calls of") && last.contains("2 lines"),
            "{last}"
        );
        assert!(last.ends_with("the command"), "{last}");
        let expected = [
            "0 begins",
            "0 changes",
            "0 reports",
            "1 begins",
            "1 reads",
            "others change",
            "wrong",
            "wrong as well",
        ];
        assert_eq!(told, expected);
    }
}
