//! Westend's runtime as a wasm module: its entry points are exported from here.

#![no_std]
#![deny(missing_docs)]

pub use westend_runtime::*;
