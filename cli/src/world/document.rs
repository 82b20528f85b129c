//! The documents of a stream of answers: JSON values one after the other, some with a label.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::files;

/// One answer of AWS.
#[derive(Debug)]
pub(super) struct Document {
    /// Where it stands, such as `answers.json, document 3`.
    pub(super) place: String,
    /// What the script that collected it says of it.
    pub(super) label: Option<Label>,
    pub(super) value: Value,
}

/// What stands before an answer, as an answer alone does not say which call it answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Label {
    /// The command, such as `drs describe-jobs`.
    pub(super) answer_of: String,
    pub(super) region: String,
    /// The ID that the command names, if it names one.
    pub(super) resource: Option<String>,
    /// When it was called.
    pub(super) at: Option<DateTime<Utc>>,
}

impl Document {
    /// Reads the answer as a type.
    ///
    /// # Errors
    ///
    /// The place, the path of the member, and what is wrong with it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_path_to_error::deserialize(&self.value).map_err(|wrong| {
            let path = wrong.path().to_string();
            let (place, mut why) = (&self.place, wrong.into_inner().to_string());
            // The command prints the members that it knows.
            if why.starts_with("missing field") {
                why.push_str(". An old AWS CLI leaves out what is new: update it");
            }
            match path.as_str() {
                "." => anyhow!("{place}: {why}"),
                path => anyhow!("{place}: {path}: {why}"),
            }
        })
    }

    /// The code with which AWS refused the call, if it did.
    pub(super) fn error(&self) -> Option<&str> {
        // Only the script writes it, so an answer without a label has no such member.
        self.label.as_ref()?;
        self.value.get("error")?.as_str()
    }
}

/// Reads the documents of files.
///
/// # Errors
///
/// When a file cannot be read, is not JSON, or has a label that is none.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for file in files {
        read_file(file, &mut documents)?;
    }

    match documents.is_empty() {
        true => bail!("there are no answers. Collect them: scripts/collect.sh REGION > FILE"),
        false => Ok(documents),
    }
}

fn read_file(file: &Path, documents: &mut Vec<Document>) -> Result<()> {
    let name = match file == Path::new("-") {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    };
    let text = files::read_json(file)?;

    read_text(&name, &text, documents)
}

/// Reads the documents of a text.
pub(super) fn read_text(name: &str, text: &str, documents: &mut Vec<Document>) -> Result<()> {
    // A stream has no end of its own: each value ends where the next begins.
    let mut label: Option<Label> = None;
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();

    for (index, value) in values.enumerate() {
        let place = format!("{name}, document {}", index + 1);
        let value = value.map_err(|wrong| anyhow!("{name} is not JSON: {wrong}"))?;
        // A label without an answer is what an interrupted script leaves: nothing was collected.
        if value.get("answerOf").is_some() {
            let read = serde_json::from_value(value);
            label = Some(read.map_err(|wrong| anyhow!("{place} is not a label: {wrong}"))?);
            continue;
        }

        documents.push(Document {
            place,
            label: label.take(),
            value,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Document>> {
        let mut documents = Vec::new();
        read_text("a.json", text, &mut documents).map(|()| documents)
    }

    #[test]
    fn a_label_is_that_of_the_next_answer_alone() {
        let label = r#"{"answerOf": "drs describe-jobs", "region": "us-east-1"}"#;
        let documents = read(&format!(r#"{label}{{"items": []}}{{"FileSystems": []}}"#)).unwrap();

        let labelled: Vec<bool> = documents.iter().map(|it| it.label.is_some()).collect();
        assert_eq!(labelled, [true, false]);
        assert_eq!(documents[1].place, "a.json, document 3");
        assert_eq!(read(&format!("{label}\n{label}")).unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_stream_of_json_is_refused_by_its_name() {
        let wrong = read("{\"items\": []}\nitems:").unwrap_err().to_string();
        assert!(wrong.starts_with("a.json is not JSON"), "{wrong}");

        let wrong = read(r#"{"answerOf": "drs describe-jobs", "place": ""}"#);
        let wrong = wrong.unwrap_err().to_string();
        assert!(wrong.contains("document 1 is not a label"), "{wrong}");
    }
}
