//! Elastic Disaster Recovery.

pub mod api;
