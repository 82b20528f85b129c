//! The Resource Groups Tagging API, over the tagged resources of all other services.

mod get_resources;
mod pages;
mod resources;
pub(crate) mod service;
