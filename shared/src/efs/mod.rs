//! Amazon EFS.
