//! That the parts of the template agree with one another, with the functions, and with the
//! documents.

mod alarms;
mod delivery;
mod documents;
mod machines;
mod parameters;
mod policies;
