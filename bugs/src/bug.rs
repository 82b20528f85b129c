//! What a planted bug is.

/// A realistic mistake: one place of a source file, and what it would be by mistake.
#[derive(Debug)]
pub(crate) struct Bug {
    /// What goes wrong, as a short sentence.
    pub(crate) name: &'static str,
    /// The source file, from the root of the repository.
    pub(crate) file: &'static str,
    /// The text that is replaced; it occurs once in the file.
    pub(crate) from: &'static str,
    /// The text in its place.
    pub(crate) to: &'static str,
}
