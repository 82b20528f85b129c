//! Standard output and standard error, in colour where the terminal has colours.

use std::io::{ErrorKind, Write as _};

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result};

use crate::sanitize::sanitize;

/// Something went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something succeeded.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something must not be missed.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// A heading.
pub(crate) const HEAD: Style = Style::new().bold();
/// A detail.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Prints on standard output.
///
/// # Errors
///
/// When it cannot be written. A closed pipe is no error: its reader has read enough.
pub(crate) fn print(text: &str) -> Result<()> {
    // anstream removes colours where the output is not a terminal.
    match writeln!(anstream::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Reports progress on standard error.
pub(crate) fn progress(text: &str) {
    note(text);
}

/// Reports a warning on standard error.
pub(crate) fn warn(text: &str) {
    note(&format!("{WARN}warning:{WARN:#} {}", sanitize(text)));
}

/// Reports an error on standard error.
pub(crate) fn error(text: &str) {
    note(&format!("{BAD}error:{BAD:#} {}", sanitize(text)));
}

fn note(text: &str) {
    // Where standard error cannot be written, there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}
