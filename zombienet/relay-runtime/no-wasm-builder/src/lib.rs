//! Nothing: the relay chain's runtime is built for wasm directly.

#![deny(missing_docs)]
