//! The rules that every function keeps: mode, approval, protection and the number of targets.
//!
//! They are read from the deployment's environment once, at start, and decided here, so that a
//! function which is written next inherits them.

use std::collections::BTreeMap;

use crate::{
    grounds::Grounds,
    ids::RequestId,
    outcome::Mode,
    variables::{BadVariable, count, mode, tag_key},
};

/// The value that switches a tag off: allowed for `APPROVAL_TAG` alone, where a function allows it.
const OFF: &str = "none";

/// What the deployment allows, as far as all functions agree. The defaults are the strictest that
/// still do something useful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrails {
    /// `MODE`: whether anything may be changed at all.
    pub mode: Mode,
    /// `APPROVAL_TAG`: where the approval of a change is looked for.
    pub approval: Approval,
    /// `PROTECTION_TAG`: the key of the tag that forbids every change, whatever its value.
    pub protection_tag: String,
    /// `MAX_TARGETS`: the most targets that one request may name.
    pub max_targets: usize,
}

/// Where an approval is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// In the tag with this key on the resource; its value must be the request's ID.
    Tag(String),
    /// Nowhere: everybody who can send an event is trusted.
    NotRequired,
}

/// Whether a deployment may do without approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalRule {
    /// `APPROVAL_TAG=none` switches them off.
    Optional,
    /// A function that overwrites data asks for one always.
    Mandatory,
}

/// The guardrail that a change would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The protection tag is set.
    Protected,
    /// The approval tag is missing.
    NotApproved,
    /// The approval tag names another request.
    ApprovedForAnotherRequest,
    /// The request names more targets than `MAX_TARGETS`.
    TooManyTargets,
}

/// The tags of a resource.
pub type Tags = BTreeMap<String, String>;

impl Guardrails {
    /// Reads the variables through `lookup`; one that it does not find has its default.
    ///
    /// # Errors
    ///
    /// The first variable with a value that is not allowed.
    pub fn from_lookup(
        lookup: &impl Fn(&str) -> Option<String>,
        rule: ApprovalRule,
    ) -> Result<Self, BadVariable> {
        let value = |name: &str, default: &str| lookup(name).unwrap_or_else(|| default.to_owned());

        let approval = tag_key("APPROVAL_TAG", value("APPROVAL_TAG", "drover:approved"))?;
        // A function that overwrites data does not do so on trust alone.
        if approval == OFF && rule == ApprovalRule::Mandatory {
            let expected = "a tag key; this function always needs an approval";
            return Err(BadVariable::new("APPROVAL_TAG", approval, expected));
        }

        // Protection has no off switch: people who set the tag have to be able to rely on it.
        let protection = tag_key(
            "PROTECTION_TAG",
            value("PROTECTION_TAG", "drover:protected"),
        )?;
        if protection == OFF {
            let expected = "a tag key; protection cannot be switched off";
            return Err(BadVariable::new("PROTECTION_TAG", protection, expected));
        }
        // One tag cannot both allow and forbid.
        if protection == approval {
            let expected = "another tag key than APPROVAL_TAG";
            return Err(BadVariable::new("PROTECTION_TAG", protection, expected));
        }

        Ok(Self {
            mode: mode("MODE", value("MODE", "plan"))?,
            approval: match approval.as_str() {
                OFF => Approval::NotRequired,
                _ => Approval::Tag(approval),
            },
            protection_tag: protection,
            max_targets: count("MAX_TARGETS", value("MAX_TARGETS", "10"))?,
        })
    }

    /// What a request may do: what it asks for, or less if the deployment allows less.
    #[must_use]
    pub fn effective_mode(&self, requested: Mode) -> Mode {
        requested.min(self.mode)
    }

    /// Whether a request may name this many targets.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyTargets`].
    pub fn check_targets(&self, count: usize) -> Result<(), Refusal> {
        if count > self.max_targets {
            return Err(Refusal::TooManyTargets);
        }
        Ok(())
    }

    /// Whether a resource with these tags may be changed for this request.
    ///
    /// # Errors
    ///
    /// The first of: [`Refusal::Protected`], [`Refusal::NotApproved`],
    /// [`Refusal::ApprovedForAnotherRequest`].
    pub fn check(&self, request: &RequestId, tags: &Tags) -> Result<(), Refusal> {
        // Protection before approval: an approval does not lift it.
        self.check_protection(tags)?;
        self.check_approval(request, tags)
    }

    /// Whether a resource with these tags is approved for this request.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotApproved`] or [`Refusal::ApprovedForAnotherRequest`].
    pub fn check_approval(&self, request: &RequestId, tags: &Tags) -> Result<(), Refusal> {
        let Approval::Tag(key) = &self.approval else {
            return Ok(());
        };
        // Compared letter by letter: an approval for CHG1 is none for chg1.
        match tags.get(key) {
            None => Err(Refusal::NotApproved),
            Some(approved) if approved == request.as_ref() => Ok(()),
            Some(_) => Err(Refusal::ApprovedForAnotherRequest),
        }
    }

    /// Whether a resource with these tags may be changed at all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Protected`].
    pub fn check_protection(&self, tags: &Tags) -> Result<(), Refusal> {
        if self.protection_of(tags).is_some() {
            return Err(Refusal::Protected);
        }
        Ok(())
    }

    /// The key, as it is written, of the tag that protects a resource with these tags.
    ///
    /// IAM ignores the case of a tag's key in a condition, so a role would deny the change.
    fn protection_of<'a>(&self, tags: &'a Tags) -> Option<&'a str> {
        let is_protection = |key: &&String| key.eq_ignore_ascii_case(&self.protection_tag);

        tags.keys().find(is_protection).map(String::as_str)
    }

    /// Everything against changing a resource with these tags for this request, with its facts.
    #[must_use]
    pub fn against<R: From<Refusal>>(&self, request: &RequestId, tags: &Tags) -> Vec<Grounds<R>> {
        let approval = self.check_approval(request, tags).err();

        self.against_protected(tags)
            .into_iter()
            .chain(approval.map(|refusal| self.unapproved(refusal, request, tags)))
            .collect()
    }

    /// That a resource with these tags is protected, if it is.
    #[must_use]
    pub fn against_protected<R: From<Refusal>>(&self, tags: &Tags) -> Option<Grounds<R>> {
        // The value of the tag makes no difference, and is not told.
        let tag = self.protection_of(tags)?;

        Some(
            Grounds::new(R::from(Refusal::Protected))
                .detail(tag)
                .fact("tag", tag),
        )
    }

    /// That a request names too many targets, if it does.
    #[must_use]
    pub fn against_targets<R: From<Refusal>>(&self, count: usize) -> Option<Grounds<R>> {
        // Before anything else: the figures are those of the whole request.
        let refusal = self.check_targets(count).err()?;
        let allowed = self.max_targets;

        let grounds = Grounds::new(R::from(refusal))
            .detail(format!("{count} targets, {allowed} allowed"))
            .fact("targets", count)
            .fact("allowed", allowed);
        Some(grounds)
    }

    fn unapproved<R: From<Refusal>>(
        &self,
        refusal: Refusal,
        request: &RequestId,
        tags: &Tags,
    ) -> Grounds<R> {
        let grounds = Grounds::new(R::from(refusal));

        match (&self.approval, self.approved_request(tags)) {
            (Approval::Tag(tag), None) => grounds
                .detail(format!("{tag} = {request}"))
                .fact("tag", tag.as_str()),
            (Approval::Tag(tag), Some(other)) => grounds
                .detail(format!("{tag} = {other}"))
                .fact("tag", tag.as_str())
                .fact("approvedFor", other.as_str()),
            (Approval::NotRequired, _) => grounds,
        }
    }

    /// The key of the approval tag, if a resource with these tags carries the approval of this
    /// request.
    #[must_use]
    pub fn approval_of(&self, request: &RequestId, tags: &Tags) -> Option<&str> {
        let Approval::Tag(key) = &self.approval else {
            return None;
        };

        // An approval of another request is not ours to remove.
        let approved = tags.get(key)?;
        (approved == request.as_ref()).then_some(key.as_str())
    }

    /// The request that a resource with these tags is approved for.
    #[must_use]
    pub fn approved_request<'a>(&self, tags: &'a Tags) -> Option<&'a String> {
        match &self.approval {
            Approval::Tag(key) => tags.get(key),
            Approval::NotRequired => None,
        }
    }

    /// Whether a tag says what drover may do with the one resource that carries it.
    #[must_use]
    pub fn is_control_tag(&self, key: &str) -> bool {
        let approval = matches!(&self.approval, Approval::Tag(approval) if approval == key);

        approval || key.eq_ignore_ascii_case(&self.protection_tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rule: ApprovalRule, variables: &[(&str, &str)]) -> Result<Guardrails, BadVariable> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        };
        Guardrails::from_lookup(&lookup, rule)
    }

    fn guardrails() -> Guardrails {
        read(ApprovalRule::Optional, &[]).unwrap()
    }

    fn request(id: &str) -> RequestId {
        RequestId::try_from(id.to_owned()).unwrap()
    }

    fn tags(tags: &[(&str, &str)]) -> Tags {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        tags.iter().map(owned).collect()
    }

    // Invariant 11.
    #[test]
    fn the_defaults_change_nothing() {
        let expected = Guardrails {
            mode: Mode::Plan,
            approval: Approval::Tag("drover:approved".to_owned()),
            protection_tag: "drover:protected".to_owned(),
            max_targets: 10,
        };

        assert_eq!(guardrails(), expected);
    }

    #[test]
    fn each_variable_is_read() {
        let variables = [
            ("MODE", "enforce"),
            ("APPROVAL_TAG", "none"),
            ("PROTECTION_TAG", "keep"),
            ("MAX_TARGETS", "100"),
        ];
        let expected = Guardrails {
            mode: Mode::Enforce,
            approval: Approval::NotRequired,
            protection_tag: "keep".to_owned(),
            max_targets: 100,
        };

        assert_eq!(read(ApprovalRule::Optional, &variables).unwrap(), expected);
    }

    #[test]
    fn a_bad_value_is_named_in_a_sentence() {
        let tag_key = "a tag key of 1 to 128 characters that does not start with `aws:`";
        let cases = [
            ("MODE", "", "`plan` or `enforce`"),
            ("MODE", "Enforce", "`plan` or `enforce`"),
            ("MAX_TARGETS", "0", "a whole number from 1 to 100"),
            ("MAX_TARGETS", "101", "a whole number from 1 to 100"),
            (
                "PROTECTION_TAG",
                "none",
                "a tag key; protection cannot be switched off",
            ),
            (
                "PROTECTION_TAG",
                "drover:approved",
                "another tag key than APPROVAL_TAG",
            ),
            ("APPROVAL_TAG", "AWS:x", tag_key),
            ("APPROVAL_TAG", " none", tag_key),
        ];

        for (name, value, expected) in cases {
            let error = read(ApprovalRule::Optional, &[(name, value)]).unwrap_err();
            let sentence = format!("{name} is `{value}`, but must be {expected}");
            assert_eq!(format!("{error:?}"), sentence);
        }
    }

    #[test]
    fn an_approval_that_is_mandatory_cannot_be_switched_off() {
        let error = read(ApprovalRule::Mandatory, &[("APPROVAL_TAG", "none")]).unwrap_err();

        let sentence =
            "APPROVAL_TAG is `none`, but must be a tag key; this function always needs an approval";
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn the_stricter_mode_wins() {
        let effective = |requested, deployed| {
            let guardrails = Guardrails {
                mode: deployed,
                ..guardrails()
            };
            guardrails.effective_mode(requested)
        };

        assert_eq!(effective(Mode::Enforce, Mode::Enforce), Mode::Enforce);
        assert_eq!(effective(Mode::Plan, Mode::Enforce), Mode::Plan);
        assert_eq!(effective(Mode::Enforce, Mode::Plan), Mode::Plan);
    }

    #[test]
    fn a_change_needs_the_approval_of_its_own_request() {
        let (guardrails, request) = (guardrails(), request("CHG1"));
        let check = |found: &[(&str, &str)]| guardrails.check(&request, &tags(found));

        assert_eq!(check(&[]), Err(Refusal::NotApproved));
        assert_eq!(check(&[("drover:approved", "CHG1")]), Ok(()));
        for other in ["CHG2", "chg1", "CHG1 ", ""] {
            let refused = Err(Refusal::ApprovedForAnotherRequest);
            assert_eq!(check(&[("drover:approved", other)]), refused, "{other}");
        }
    }

    #[test]
    fn protection_wins_over_an_approval_whatever_its_value() {
        let (guardrails, request) = (guardrails(), request("CHG1"));

        for value in ["", "false", "no"] {
            let found = tags(&[("drover:approved", "CHG1"), ("drover:protected", value)]);
            assert_eq!(guardrails.check(&request, &found), Err(Refusal::Protected));
            assert_eq!(guardrails.check_protection(&found), Err(Refusal::Protected));
        }
    }

    #[test]
    fn protection_ignores_the_case_of_its_key_and_approval_does_not() {
        let (guardrails, request) = (guardrails(), request("CHG1"));

        let protected = tags(&[("drover:approved", "CHG1"), ("Drover:PROTECTED", "")]);
        let against: Vec<Grounds<Refusal>> = guardrails.against(&request, &protected);
        assert_eq!(
            against[0].facts["tag"], "Drover:PROTECTED",
            "to be removed by"
        );
        assert_eq!(
            guardrails.check(&request, &protected),
            Err(Refusal::Protected)
        );

        let approved = tags(&[("Drover:Approved", "CHG1")]);
        assert_eq!(
            guardrails.check(&request, &approved),
            Err(Refusal::NotApproved)
        );
    }

    #[test]
    fn without_approvals_protection_still_holds() {
        let guardrails = read(ApprovalRule::Optional, &[("APPROVAL_TAG", "none")]).unwrap();
        let request = request("CHG1");

        assert_eq!(guardrails.check(&request, &tags(&[])), Ok(()));
        let protected = tags(&[("drover:protected", "")]);
        assert_eq!(
            guardrails.check(&request, &protected),
            Err(Refusal::Protected)
        );
    }

    #[test]
    fn an_approval_is_removed_only_where_one_is_required_and_given() {
        let request = request("CHG1");
        let approved = tags(&[("drover:approved", "CHG1"), ("none", "CHG1")]);

        let required = guardrails();
        assert_eq!(
            required.approval_of(&request, &approved),
            Some("drover:approved")
        );
        assert_eq!(required.approval_of(&request, &tags(&[])), None);

        let optional = read(ApprovalRule::Optional, &[("APPROVAL_TAG", "none")]).unwrap();
        assert_eq!(optional.approval_of(&request, &approved), None);
    }

    #[test]
    fn a_request_may_name_as_many_targets_as_the_deployment_allows() {
        assert_eq!(guardrails().check_targets(10), Ok(()));
        assert_eq!(guardrails().check_targets(11), Err(Refusal::TooManyTargets));
    }

    #[test]
    fn the_approved_request_is_what_the_approval_tag_says() {
        let approved = tags(&[("drover:approved", "CHG1"), ("Name", "CHG2")]);
        let expected = "CHG1".to_owned();
        assert_eq!(guardrails().approved_request(&approved), Some(&expected));
        assert_eq!(guardrails().approved_request(&tags(&[])), None);

        // Without an approval tag nothing is an approval.
        let none = read(ApprovalRule::Optional, &[("APPROVAL_TAG", "none")]).unwrap();
        assert_eq!(none.approved_request(&approved), None);
    }

    #[test]
    fn the_control_tags_are_those_of_approval_and_protection() {
        let variables = [("APPROVAL_TAG", "approved"), ("PROTECTION_TAG", "keep")];
        let guardrails = read(ApprovalRule::Optional, &variables).unwrap();

        assert!(guardrails.is_control_tag("approved"));
        assert!(guardrails.is_control_tag("keep") && guardrails.is_control_tag("Keep"));
        assert!(!guardrails.is_control_tag("Approved"));
        assert!(!guardrails.is_control_tag("drover:approved"));
        assert!(!guardrails.is_control_tag("Name"));
    }
}
