//! The layering rules of ARCHITECTURE.md.
