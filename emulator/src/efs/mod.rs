//! Elastic File System.

pub mod api;
pub mod model;
