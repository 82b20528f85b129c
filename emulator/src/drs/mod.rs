//! Elastic Disaster Recovery.

pub mod api;
pub mod model;
