//! A Groth16 prover for the circuits of storage-proofs.
//!
//! It makes the proofs that `bellperson::groth16::create_proof` makes, bit for bit when the blinding is the same,
//! from the same files. What is different:
//!
//! - [`assignment`]: the constraints are evaluated into lists of their final size.
//! - [`fft`]: six transforms instead of seven, worked off by subtrees that fit in a core's cache.
//! - [`msm`]: signed digits, buckets in affine form whose additions share inversions, and no work beyond one
//!   addition for the variables that are bits.
//! - [`vector`]: on processors that have AVX-512 IFMA, found out at run time, eight of these additions at a time.
//! - [`key`]: the file stays mapped, and points are read from it when they are added.
//!
//! There is no GPU in it. bellperson can use one behind its features `cuda` and `opencl`, but these would compile
//! GPU kernels when this crate is built, and they belong to bellperson's prover, not to this one; a feature
//! here that turns them on would change nothing but the build. A GPU's place is [`msm::sum_of_multiples`]
//! and [`fft::Transform`]: nothing else takes time.

mod assignment;
mod buckets;
mod curve;
mod fft;
mod key;
mod msm;
mod prover;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vector;

pub(crate) use curve::{add_all, Affine, Coordinate, Scratch};
pub(crate) use key::{ProvingKey, ProvingKeyError};
pub use msm::InvalidPoint;
pub use prover::ProveError;
pub(crate) use prover::{prove, Blinding};
