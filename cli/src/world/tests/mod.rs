//! What crosses the files of this module.

mod import;
mod redact;
mod round_trip;
