//! How much memory a proof takes.

use holdfast_primitives::{KeyId, ProofKind, SectorSize};

use crate::parameters::expected_constraints;

/// Bytes of a scalar.
const SCALAR: u64 = 32;
/// What does not depend on the circuit: code, buckets, the points that are read at a time, stacks.
const FIXED: u64 = 256 << 20;

/// The most memory, in bytes, that [`crate::seal_commit_phase2`] for a sector of this size has of its own at a
/// time. The mapped key comes on top, which all jobs share and which the system takes back when memory is
/// short: [`mapped_key_bytes`].
///
/// With *n* the size of the domain, which is the number of constraints rounded up to a power of two, and *v*
/// variables, there are at most four lists of *n* scalars (the three sides of the constraints and the roots of
/// unity), the *v* values, and 10 bytes for each variable that say where it occurs. The circuit has about as
/// many variables as constraints.
pub const fn c2_memory(sector_size: SectorSize) -> u64 {
	proof_memory(KeyId {
		kind: ProofKind::PoRep,
		sector_size,
	})
}

/// The same for [`crate::generate_window_post`].
pub const fn window_post_memory(sector_size: SectorSize) -> u64 {
	proof_memory(KeyId {
		kind: ProofKind::WindowPoSt,
		sector_size,
	})
}

const fn proof_memory(key: KeyId) -> u64 {
	let constraints = expected_constraints(key);
	FIXED + 4 * SCALAR * constraints.next_power_of_two() + (SCALAR + 10) * constraints
}

/// About how large the file of a proving key is: what its mapping takes at most.
pub const fn mapped_key_bytes(key: KeyId) -> u64 {
	let constraints = expected_constraints(key);
	// `h` has a point for each element of the domain, `l` and `a` one for each variable at most, and `b` two
	// and a half times as much for about a third of them.
	96 * (constraints.next_power_of_two() + 2 * constraints) + 288 * constraints / 3
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn larger_circuits_need_more() {
		let sizes = [SectorSize::KiB2, SectorSize::MiB8, SectorSize::MiB512];
		assert!(sizes.is_sorted_by(|a, b| c2_memory(*a) < c2_memory(*b)));
		assert!(sizes.is_sorted_by(|a, b| window_post_memory(*a) <= window_post_memory(*b)));
		assert!(sizes
			.iter()
			.all(|size| window_post_memory(*size) < c2_memory(*size)));
		assert!(c2_memory(SectorSize::MiB8) < 1 << 30);
	}
}
