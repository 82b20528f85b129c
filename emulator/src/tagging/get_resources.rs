//! `GetResources`: the tagged resources of a Region, by tag, type or ARN.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        constraints,
        context::Context,
        error::ApiError,
    },
    tagging::{
        pages::{self, PageSize},
        resources::{Resource, tagged},
    },
    world::World,
};

/// How many resources a page can hold.
const RESOURCES_PER_PAGE: std::ops::RangeInclusive<i64> = 1..=100;
/// How many tags a page can hold.
const TAGS_PER_PAGE: std::ops::RangeInclusive<i64> = 100..=500;
/// How many types a request can name.
const MAX_TYPES: usize = 100;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct GetResources {
    #[serde(rename = "ResourceARNList")]
    resource_arns: Option<Vec<String>>,
    tag_filters: Option<Vec<TagFilter>>,
    resource_type_filters: Option<Vec<String>>,
    resources_per_page: Option<i64>,
    tags_per_page: Option<i64>,
    pagination_token: Option<String>,
    include_compliance_details: bool,
    exclude_compliant_resources: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct TagFilter {
    key: Option<String>,
    values: Vec<String>,
}

/// `GetResources`.
pub(super) fn get_resources(world: &mut World, context: &Context, request: &Request) -> ApiResult {
    let input: GetResources = request.read()?;
    input.check(context)?;
    let size = input.page_size(context)?;

    // There is no tag policy, so that every resource complies.
    let mut resources = match input.exclude_compliant_resources {
        true => Vec::new(),
        false => tagged(world, context),
    };
    resources.retain(|resource| input.matches(resource));

    // The first request may have an empty token, and the last page has one.
    let start = match input.pagination_token.as_deref() {
        None | Some("") => 0,
        Some(token) => pages::start(token, request, context.now)?,
    };
    let rest = resources.get(start..).unwrap_or_default();
    let count = size.fitting(rest);
    let token = match count < rest.len() {
        true => pages::token(request, start + count, context.now),
        false => String::new(),
    };

    let page = rest.iter().take(count);
    let items: Vec<Value> = page.map(|resource| input.describe(resource)).collect();
    let body = json!({ "PaginationToken": token, "ResourceTagMappingList": items });
    Ok((200, Some(body)))
}

impl GetResources {
    /// Checks what the service model does not: members that exclude each other, and ARNs.
    fn check(&self, context: &Context) -> Result<(), ApiError> {
        // The model does not require the key, the documentation does.
        let filters = self.tag_filters.as_deref().unwrap_or_default();
        if filters.iter().any(|filter| filter.key.is_none()) {
            return Err(invalid("a TagFilter must have a Key"));
        }
        let types = self.resource_type_filters.as_deref().unwrap_or_default();
        if types.len() > MAX_TYPES {
            return Err(invalid("ResourceTypeFilters has at most 100 items"));
        }
        if self.exclude_compliant_resources && !self.include_compliance_details {
            return Err(invalid(
                "ExcludeCompliantResources requires IncludeComplianceDetails",
            ));
        }

        // A list of ARNs excludes every other way to select or to page.
        let Some(arns) = &self.resource_arns else {
            return Ok(());
        };
        if self.tag_filters.is_some() || self.resource_type_filters.is_some() {
            return Err(invalid(
                "ResourceARNList cannot be used with TagFilters or ResourceTypeFilters",
            ));
        }
        let has_pages = self.resources_per_page.is_some()
            || self.tags_per_page.is_some()
            || self.pagination_token.is_some();
        if has_pages {
            return Err(invalid(
                "ResourceARNList cannot be used with pagination parameters",
            ));
        }
        arns.iter().try_for_each(|arn| check_arn(arn, context))
    }

    fn page_size(&self, context: &Context) -> Result<PageSize, ApiError> {
        // A list of ARNs has one page, whatever its length.
        let default = match &self.resource_arns {
            Some(arns) => arns.len(),
            None => context.behaviour.page_size,
        };
        // The model has no limits for these numbers, the documentation has.
        let resources = within(
            self.resources_per_page,
            RESOURCES_PER_PAGE,
            "ResourcesPerPage",
        )?;
        let tags = within(self.tags_per_page, TAGS_PER_PAGE, "TagsPerPage")?;

        Ok(PageSize {
            resources: resources.unwrap_or(default),
            tags,
        })
    }

    /// Whether a resource is one of the named resources, or matches all filters.
    fn matches(&self, resource: &Resource<'_>) -> bool {
        if let Some(arns) = &self.resource_arns {
            return arns.contains(&resource.arn);
        }

        let types = self.resource_type_filters.as_deref().unwrap_or_default();
        // The filters of types are alternatives, those of tags are not.
        let has_type = types.is_empty() || types.iter().any(|filter| resource.is_of_type(filter));
        let mut filters = self.tag_filters.iter().flatten();
        has_type && filters.all(|filter| filter.matches(resource))
    }

    fn describe(&self, resource: &Resource<'_>) -> Value {
        let mut json = resource.json();
        if self.include_compliance_details {
            let details = json!({ "ComplianceStatus": true });
            put(&mut json, "ComplianceDetails", details);
        }
        json
    }
}

impl TagFilter {
    /// Whether a resource has the tag, with one of the values if there are any.
    fn matches(&self, resource: &Resource<'_>) -> bool {
        // Keys and values are case-sensitive.
        let value = self.key.as_ref().and_then(|key| resource.tag(key));

        value.is_some_and(|value| {
            self.values.is_empty() || self.values.iter().any(|wanted| wanted == value)
        })
    }
}

/// Checks that an ARN is well-formed and in the partition of the call. The resource need not exist.
fn check_arn(arn: &str, context: &Context) -> Result<(), ApiError> {
    // Any service and any Region will do; what is not found is left out.
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, _, _, _, _] = parts.as_slice() else {
        return Err(invalid(format!("{arn} is not an ARN")));
    };

    match Some(*partition) == constraints::partition(&context.region) {
        true => Ok(()),
        false => Err(invalid(format!("{arn} is in another partition"))),
    }
}

/// A number that a request can have in a range.
fn within(
    number: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
    name: &str,
) -> Result<Option<usize>, ApiError> {
    let Some(number) = number else {
        return Ok(None);
    };

    let (min, max) = (range.start(), range.end());
    let allowed = Some(number).filter(|number| range.contains(number));
    match allowed.and_then(|number| usize::try_from(number).ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(invalid(format!("{name} is not between {min} and {max}"))),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::*;
    use crate::{
        aws::call::Service,
        drs::model::{RecoveryInstance, SourceServer},
        efs::model::{AccessPoint, FileSystem},
        services,
    };

    const SERVER: &str = "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000001";
    const OTHER_SERVER: &str =
        "arn:aws:drs:us-east-1:111122223333:source-server/s-00000000000000002";
    const INSTANCE: &str = "arn:aws:drs:us-east-1:111122223333:recovery-instance/i-00000001";
    const FILE_SYSTEM: &str =
        "arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-00000001";
    const ACCESS_POINT: &str =
        "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-00000001";

    fn tags<const N: usize>(tags: [(&str, &str); N]) -> BTreeMap<String, String> {
        let tags = tags.into_iter();
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// Two tagged servers, an instance, a file system and its access point; and some resources that
    /// the API does not list.
    fn world() -> World {
        let mut world = World::with([
            SourceServer::new("s-00000000000000001").tagged("stage", "prod"),
            SourceServer::new("s-00000000000000002").tagged("stage", "test"),
            SourceServer::new("s-00000000000000003"),
        ]);
        let instance = json!({
            "recoveryInstanceID": "i-00000001",
            "sourceServerID": "s-00000000000000001",
            "tags": { "owner": "me" },
        });
        let instance: RecoveryInstance = serde_json::from_value(instance).unwrap();
        world.here().recovery_instances.push(instance);

        let point = json!({ "accessPointId": "fsap-00000001", "clientToken": "a" });
        let point: AccessPoint = serde_json::from_value(point).unwrap();
        let file_system = FileSystem {
            tags: tags([("stage", "prod"), ("owner", "me")]),
            access_points: vec![AccessPoint {
                tags: tags([("owner", "you")]),
                ..point
            }],
            ..FileSystem::new("fs-00000001")
        };
        let foreign = FileSystem {
            owner_id: Some("444455556666".to_owned()),
            ..FileSystem::new("fs-00000002").tagged("stage", "prod")
        };
        let elsewhere = FileSystem::new("fs-00000003").tagged("stage", "prod");

        world
            .with_file_system("us-east-1", file_system)
            .with_file_system("us-east-1", foreign)
            .with_file_system("eu-west-1", elsewhere)
            .with_file_system("us-east-1", FileSystem::new("fs-00000004"))
    }

    /// Calls the API: the body of the answer, or the code of the error.
    fn call(world: &mut World, input: Value) -> Result<Value, &'static str> {
        call_service(world, Service::Tagging, "GetResources", input)
    }

    fn call_service(
        world: &mut World,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Result<Value, &'static str> {
        let request = Request {
            service,
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            input,
        };
        let answer = services::answer(world, &request);

        answer
            .map(|(_, body)| body.unwrap_or_default())
            .map_err(|error| error.code)
    }

    fn arns(page: &Value) -> Vec<&str> {
        let resources = page["ResourceTagMappingList"].as_array().unwrap().iter();
        resources
            .map(|resource| resource["ResourceARN"].as_str().unwrap())
            .collect()
    }

    #[track_caller]
    fn assert_found(input: Value, expected: &[&str]) {
        let page = call(&mut world(), input).unwrap();
        assert_eq!(arns(&page), expected);
        assert_eq!(page["PaginationToken"], "");
    }

    #[test]
    fn tagged_resources_of_the_caller_in_the_region_are_listed_by_arn() {
        assert_found(
            json!({}),
            &[INSTANCE, SERVER, OTHER_SERVER, ACCESS_POINT, FILE_SYSTEM],
        );

        let page = call(&mut world(), json!({ "ResourceARNList": [FILE_SYSTEM] })).unwrap();
        let tags = &page["ResourceTagMappingList"][0]["Tags"];
        assert_eq!(
            *tags,
            json!([{ "Key": "owner", "Value": "me" }, { "Key": "stage", "Value": "prod" }])
        );
    }

    #[test]
    fn resource_matches_all_tag_filters_and_one_value_of_each() {
        let prod = json!({ "Key": "stage", "Values": ["prod"] });
        let any_stage = json!({ "Key": "stage", "Values": ["prod", "test"] });
        let with_owner = json!({ "Key": "owner" });
        let unknown = json!({ "Key": "Stage" });

        for (filters, expected) in [
            (json!([prod]), vec![SERVER, FILE_SYSTEM]),
            (json!([any_stage]), vec![SERVER, OTHER_SERVER, FILE_SYSTEM]),
            (
                json!([with_owner]),
                vec![INSTANCE, ACCESS_POINT, FILE_SYSTEM],
            ),
            (json!([any_stage, with_owner]), vec![FILE_SYSTEM]),
            (json!([unknown]), vec![]),
        ] {
            assert_found(json!({ "TagFilters": filters }), &expected);
        }
    }

    #[test]
    fn type_filter_is_a_service_or_a_service_and_a_kind() {
        for (filters, expected) in [
            (json!(["drs"]), vec![INSTANCE, SERVER, OTHER_SERVER]),
            (json!(["drs:source-server"]), vec![SERVER, OTHER_SERVER]),
            (
                json!(["elasticfilesystem"]),
                vec![ACCESS_POINT, FILE_SYSTEM],
            ),
            (
                json!(["elasticfilesystem:file-system", "drs:recovery-instance"]),
                vec![INSTANCE, FILE_SYSTEM],
            ),
            (json!(["ec2:instance"]), vec![]),
        ] {
            assert_found(json!({ "ResourceTypeFilters": filters }), &expected);
        }

        let both = json!({
            "ResourceTypeFilters": ["drs"],
            "TagFilters": [{ "Key": "stage", "Values": ["prod"] }],
        });
        assert_found(both, &[SERVER]);
    }

    #[test]
    fn missing_resources_of_an_arn_list_are_left_out() {
        let never_tagged = SERVER.replace("0001", "0003");
        let elsewhere = FILE_SYSTEM.replace("us-east-1", "eu-west-1");
        let arns = json!([SERVER, never_tagged, elsewhere, "arn:aws:s3:::bucket"]);

        assert_found(json!({ "ResourceARNList": arns }), &[SERVER]);
    }

    #[test]
    fn invalid_parameters_are_refused() {
        for input in [
            json!({ "ResourceARNList": [SERVER], "TagFilters": [] }),
            json!({ "ResourceARNList": [SERVER], "ResourceTypeFilters": ["drs"] }),
            json!({ "ResourceARNList": [SERVER], "ResourcesPerPage": 1 }),
            json!({ "ResourceARNList": [SERVER], "TagsPerPage": 100 }),
            json!({ "ResourceARNList": [SERVER], "PaginationToken": "" }),
            json!({ "ResourceARNList": ["fs-00000001"] }),
            json!({ "ResourceARNList": [SERVER.replace("aws", "aws-cn")] }),
            json!({ "TagFilters": [{ "Values": ["prod"] }] }),
            json!({ "ResourceTypeFilters": vec!["drs"; 101] }),
            json!({ "ResourcesPerPage": 0 }),
            json!({ "ResourcesPerPage": 101 }),
            json!({ "TagsPerPage": 99 }),
            json!({ "TagsPerPage": 501 }),
            json!({ "ExcludeCompliantResources": true }),
            json!({ "PaginationToken": "made up" }),
        ] {
            let refused = call(&mut world(), input.clone());
            assert_eq!(refused, Err("InvalidParameterException"), "{input}");
        }
    }

    #[test]
    fn pages_have_all_resources_once() {
        let mut world = world();
        let mut found = Vec::new();
        let mut token = String::new();

        for size in [2, 2, 1] {
            let input = json!({ "ResourcesPerPage": 2, "PaginationToken": token });
            let page = call(&mut world, input).unwrap();
            assert_eq!(arns(&page).len(), size);
            found.extend(arns(&page).into_iter().map(str::to_owned));
            token = page["PaginationToken"].as_str().unwrap().to_owned();
        }

        assert_eq!(token, "");
        assert_eq!(
            found,
            [INSTANCE, SERVER, OTHER_SERVER, ACCESS_POINT, FILE_SYSTEM]
        );
    }

    #[test]
    fn page_ends_before_the_resource_with_too_many_tags() {
        let with_tags = |id: &str, count: usize| SourceServer {
            tags: (0..count)
                .map(|number| (number.to_string(), String::new()))
                .collect(),
            ..SourceServer::new(id)
        };
        let mut world = World::with([
            with_tags("s-00000000000000001", 50),
            with_tags("s-00000000000000002", 50),
            with_tags("s-00000000000000003", 1),
        ]);

        let first = call(&mut world, json!({ "TagsPerPage": 100 })).unwrap();
        assert_eq!(arns(&first), [SERVER, OTHER_SERVER]);
        let next = json!({ "TagsPerPage": 100, "PaginationToken": first["PaginationToken"] });
        let second = call(&mut world, next).unwrap();
        assert_eq!(arns(&second), [SERVER.replace("0001", "0003")]);
    }

    #[test]
    fn token_is_valid_for_one_list_and_a_quarter_of_an_hour() {
        let mut world = world();
        let first = call(&mut world, json!({ "ResourcesPerPage": 1 })).unwrap();
        let token = first["PaginationToken"].as_str().unwrap();
        let next = json!({ "ResourcesPerPage": 1, "PaginationToken": token });

        let other_list = json!({ "ResourceTypeFilters": ["drs"], "PaginationToken": token });
        let refused = call(&mut world, other_list);
        assert_eq!(refused, Err("InvalidParameterException"));

        let start = world.now;
        world.advance_to(start + TimeDelta::minutes(15));
        call(&mut world, next.clone()).unwrap();
        world.advance_to(start + TimeDelta::minutes(16));
        let expired = call(&mut world, next);
        assert_eq!(expired, Err("PaginationTokenExpiredException"));

        // A later time in the token does not renew it.
        let (_, rest) = token.split_once('.').unwrap();
        let forged = format!("{}.{rest}", world.now.timestamp());
        let forged = call(&mut world, json!({ "PaginationToken": forged }));
        assert_eq!(forged, Err("InvalidParameterException"));
    }

    #[test]
    fn resource_that_lost_its_tags_is_listed_without_tags() {
        let mut world = world();
        let untag = json!({ "resourceArn": SERVER, "tagKeys": ["stage"] });
        call_service(&mut world, Service::Drs, "UntagResource", untag).unwrap();
        let untag = json!({ "ResourceId": "fsap-00000001", "TagKeys": ["owner"] });
        call_service(&mut world, Service::Efs, "UntagResource", untag).unwrap();

        let page = call(
            &mut world,
            json!({ "ResourceARNList": [SERVER, ACCESS_POINT] }),
        );
        assert_eq!(
            page.unwrap()["ResourceTagMappingList"],
            json!([
                { "ResourceARN": SERVER, "Tags": [] },
                { "ResourceARN": ACCESS_POINT, "Tags": [] },
            ])
        );

        let stage = json!({ "TagFilters": [{ "Key": "stage" }] });
        let staged = call(&mut world, stage).unwrap();
        assert_eq!(arns(&staged), [OTHER_SERVER, FILE_SYSTEM]);
    }

    #[test]
    fn every_resource_complies_with_the_absent_tag_policy() {
        let details = json!({ "IncludeComplianceDetails": true });
        let page = call(&mut world(), details).unwrap();
        let resource = &page["ResourceTagMappingList"][0];
        assert_eq!(
            resource["ComplianceDetails"],
            json!({ "ComplianceStatus": true })
        );

        assert_found(
            json!({ "IncludeComplianceDetails": true, "ExcludeCompliantResources": true }),
            &[],
        );
    }
}
