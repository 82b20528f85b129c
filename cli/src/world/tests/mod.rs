//! What crosses the files of this module.

mod import;
mod round_trip;
