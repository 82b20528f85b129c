//! What a source and its replica have besides the data, read from both and compared at once, so that
//! of one pair no more is held than the difference.

use serde_json::Value;
use shared::{
    CallRecord, FailedCall,
    efs::{
        AccessPoint, AccessPoints, FileSystem,
        document::{self, Names},
    },
};

use crate::{
    context::Context,
    snapshot::{Differences, NAMED, PolicyDifference},
};

/// Reads what both have, first the source, whose lack of something needs no look at the replica.
pub(crate) async fn compare(
    (source, replica): (&FileSystem, &FileSystem),
    context: &Context<'_>,
    calls: &CallRecord,
) -> Result<Differences, FailedCall> {
    let (home, away) = (context.efs.home(), context.efs_in(&replica.region));
    let none = |_: &AccessPoint| false;

    // Empty lifecycle policies mean something too: that files never move.
    let lifecycle = (
        home.lifecycle(&source.id, calls).await?,
        away.lifecycle(&replica.id, calls).await?,
    );

    // Without their tags, which are most of them and decide nothing here.
    let points = home.access_points(&source.id, none, calls).await?;
    let of_replica = match points.is_empty() {
        true => Vec::new(),
        false => away.access_points(&replica.id, none, calls).await?,
    };
    // Of the access points those have to be translated which the policy names.
    let policy = home.policy(&source.id, calls).await?;
    let text = policy.as_ref().map(Value::to_string).unwrap_or_default();
    let mut compared = AccessPoints::compare(&points, &of_replica, NAMED, |arn| text.contains(arn));

    let policy = match policy {
        None => PolicyDifference::None,
        // Statements are only ever added, so that those of the replica's own are no difference.
        Some(policy) => {
            let existing = away.policy(&replica.id, calls).await?;
            let mut names = std::mem::take(&mut compared.counterparts);
            if let (Some(from), Some(to)) = (&source.arn, &replica.arn) {
                names.insert(from.to_string(), to.to_string());
            }
            add_points_to_come(&mut names, &points, &text);
            compare_policies(&policy, existing.as_ref(), &names)
        }
    };
    Ok(Differences {
        access_points: compared,
        lifecycle: (lifecycle.0 != lifecycle.1).then_some(lifecycle),
        policy,
    })
}

/// Gives each access point that the policy names and the replica lacks a counterpart: the request
/// that copies the policy creates it first.
fn add_points_to_come(names: &mut Names, points: &[AccessPoint], policy: &str) {
    let arns = points.iter().filter_map(|point| point.arn.as_ref());

    for arn in arns.filter(|arn| policy.contains(arn.as_ref())) {
        let to_come = || format!("the counterpart of {arn}");
        names.entry(arn.to_string()).or_insert_with(to_come);
    }
}

/// What the replica's policy lacks of the source's, translated as a request would.
fn compare_policies(source: &Value, replica: Option<&Value>, names: &Names) -> PolicyDifference {
    match document::merged(source, replica, names) {
        Ok(None) => PolicyDifference::None,
        Ok(Some(_)) => PolicyDifference::Lacking,
        Err(name) => PolicyDifference::NotTranslatable(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{access_point, arn, file_system};

    fn policy(resource: &str, point: Option<&str>) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": resource,
        });
        if let Some(point) = point {
            let condition = json!({ "elasticfilesystem:AccessPointArn": point });
            statement["Condition"] = json!({ "StringEquals": condition });
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }

    #[test]
    fn a_policy_lacks_what_its_translation_would_add() {
        use PolicyDifference::{Lacking, NotTranslatable};
        let [source, replica] = [("fs-00000001", "us-east-1"), ("fs-00000002", "eu-west-1")]
            .map(|(id, region)| file_system(id, region).arn.unwrap().to_string());
        let names = Names::from([(source.clone(), replica.clone())]);
        let points = [access_point("fsap-00000001", "/app")];
        let differ = |of_source: Value, of_replica: Option<Value>| {
            let mut names = names.clone();
            add_points_to_come(&mut names, &points, &of_source.to_string());
            compare_policies(&of_source, of_replica.as_ref(), &names)
        };

        let existing = Some(policy(&replica, None));
        assert_eq!(
            differ(policy(&source, None), existing.clone()),
            PolicyDifference::None
        );
        assert_eq!(differ(policy(&source, None), None), Lacking);

        // The missing access point comes with the request that adds the statement.
        let known = arn("access-point", "us-east-1", "fsap-00000001").to_string();
        assert_eq!(
            differ(policy(&source, Some(&known)), existing.clone()),
            Lacking
        );
        let unknown = arn("access-point", "us-east-1", "fsap-0000000f").to_string();
        let other = differ(policy(&source, Some(&unknown)), existing.clone());
        assert_eq!(other, NotTranslatable(unknown.clone()));

        // A request for both would fail, and so would be offered for nothing.
        let mut both = policy(&source, Some(&known));
        let statements = both["Statement"].as_array_mut().unwrap();
        statements.push(policy(&source, Some(&unknown))["Statement"][0].clone());
        assert_eq!(differ(both, existing), NotTranslatable(unknown));
    }
}
