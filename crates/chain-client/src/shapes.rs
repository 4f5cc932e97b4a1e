//! The shapes of the chain's storage, calls and events, matched with the runtime's metadata by name, so
//! that a runtime that only adds to them still fits.

pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod storage;
#[cfg(test)]
mod tests;
mod verify;
pub(crate) mod views;

pub(crate) use verify::verify;
