//! What is verified.

use anyhow::{Context, Result};
use holdfast_verifier::{encoding::field_bytes, porep, trapdoor::TrapdoorKey, window_post, Fr};

/// Proofs of replication of as many sectors of 8 MiB: 39 inputs each.
pub fn small_poreps(count: u64) -> Result<Vec<u8>> {
	let inputs: Result<Vec<_>, _> = (0..count)
		.map(|number| statement(8 << 20, number).partition_inputs(0))
		.collect();
	Ok(file(&inputs.context("a statement of a known size")?))
}

/// The ten partitions of one sector of 32 GiB: 327 inputs each.
pub fn large_porep() -> Result<Vec<u8>> {
	let inputs = statement(32 << 30, 1).public_inputs();
	Ok(file(&inputs.context("a statement of a known size")?))
}

/// A full partition of sectors of 32 GiB: 25,839 inputs.
pub fn window_post() -> Result<Vec<u8>> {
	let sectors: Vec<(u64, [u8; 32])> = (0..2349u64)
		.map(|number| {
			let mut comm_r = [0x15; 32];
			comm_r[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
			(number, comm_r)
		})
		.collect();
	let statement = window_post::Statement {
		sector_bytes: 32 << 30,
		randomness: [7; 32],
		sectors: &sectors,
	};
	let inputs = statement.public_inputs();
	Ok(file(&inputs.context("a statement of a known size")?))
}

fn statement(sector_bytes: u64, sector_number: u64) -> porep::Statement {
	porep::Statement {
		sector_bytes,
		porep_id: [1; 32],
		prover_id: [2; 32],
		sector_number,
		comm_d: [0x33; 32],
		comm_r: [0x44; 32],
		ticket: [5; 32],
		seed: [6; 32],
	}
}

/// Made-up proofs of these inputs, under a key with a known trapdoor: verifying them costs what it
/// costs with real ones.
fn file(inputs: &[Vec<Fr>]) -> Vec<u8> {
	let count = inputs.first().map_or(0, Vec::len);
	let key = TrapdoorKey::new(count, b"bench");
	let mut bytes = Vec::new();
	bytes.extend_from_slice(&(inputs.len() as u64).to_be_bytes());
	bytes.extend_from_slice(&(count as u64).to_be_bytes());
	bytes.extend_from_slice(&key.verifying_key());
	for (number, inputs) in (0u64..).zip(inputs) {
		bytes.extend_from_slice(&key.forge(inputs, &number.to_le_bytes()));
		for input in inputs {
			bytes.extend(field_bytes(input).iter().rev());
		}
	}
	bytes
}
