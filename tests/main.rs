//! What crosses a boundary between crates.
