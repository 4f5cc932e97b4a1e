//! Test hooks, set by environment variables: how the daemon misbehaves on purpose.
//!
//! - `HOLDFAST_FAULT=porep` or `post` spoils one proof of that kind, once in the daemon's run, right
//!   before it is sent, so that one can watch the chain refuse it.
//! - `HOLDFAST_STOP_AFTER=<point>` aborts the daemon, as `kill -9` would, when it first reaches the
//!   point. Points are the stages' names once they are done (`adding-piece`, `pre-commit-1`,
//!   `pre-commit-2`, `proving`, `finalizing`, …) and, for what is sent to the chain,
//!   `<stage>-sent`: included in a block, but not yet noted in the database (`publishing-sent`,
//!   `pre-committing-sent`, `prove-committing-sent`, `post-sent`).

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_primitives::ProofBytes;

/// The variable that spoils a proof.
pub const FAULT_VARIABLE: &str = "HOLDFAST_FAULT";
/// The variable that aborts the daemon.
pub const STOP_VARIABLE: &str = "HOLDFAST_STOP_AFTER";

/// The bytes of a compressed G1 point, a proof's first and last element.
const G1_BYTES: usize = 48;

/// Which proofs can be spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
	/// A proof of replication.
	PoRep,
	/// A window proof of spacetime.
	Post,
}

/// The test hooks that are set.
#[derive(Debug, Default)]
pub struct Hooks {
	fault: Option<Fault>,
	spent: AtomicBool,
	stop_after: Option<String>,
}

impl Hooks {
	/// Reads the environment.
	pub fn from_environment() -> Result<Self, HookError> {
		let fault = match std::env::var(FAULT_VARIABLE) {
			Err(_) => None,
			Ok(text) => Some(parse_fault(&text)?),
		};
		Ok(Self {
			fault,
			spent: AtomicBool::new(false),
			stop_after: std::env::var(STOP_VARIABLE).ok(),
		})
	}

	/// Spoils the proof if that is asked for and was not done yet.
	pub fn spoil(&self, kind: Fault, proof: &mut ProofBytes) {
		if self.fault == Some(kind) && !self.spent.swap(true, Ordering::SeqCst) {
			tracing::warn!(
				"test hook: spoiling a proof on purpose, because {FAULT_VARIABLE} is set"
			);
			// The first and last element, both points of G1, change places: the proof still
			// decodes, but the pairing equation does not hold.
			let last = proof.len().saturating_sub(G1_BYTES);
			let (head, tail) = proof.split_at_mut(last);
			for (first, last) in head.iter_mut().zip(tail) {
				std::mem::swap(first, last);
			}
		}
	}

	/// Aborts the daemon if it is to stop here.
	pub fn reached(&self, point: &str) {
		if self.stop_after.as_deref() == Some(point) {
			tracing::warn!("test hook: stopping after {point}, because {STOP_VARIABLE} is set");
			std::process::abort();
		}
	}
}

fn parse_fault(text: &str) -> Result<Fault, HookError> {
	match text {
		"porep" => Ok(Fault::PoRep),
		"post" => Ok(Fault::Post),
		_ => Err(HookError {
			value: text.to_owned(),
		}),
	}
}

/// An unknown fault is asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{FAULT_VARIABLE} is `{value}`: use porep or post, or leave it unset")]
pub struct HookError {
	value: String,
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn one_proof_of_the_kind_is_spoilt_once() {
		let hooks = Hooks {
			fault: Some(Fault::PoRep),
			..Hooks::default()
		};
		let mut honest = [0; 192];
		for (index, byte) in (0u8..).zip(honest.iter_mut()) {
			*byte = index;
		}
		let mut proof = honest;
		hooks.spoil(Fault::Post, &mut proof);
		assert_eq!(proof, honest);
		hooks.spoil(Fault::PoRep, &mut proof);
		assert_eq!(proof[..48], honest[144..]);
		assert_eq!(proof[48..144], honest[48..144]);
		assert_eq!(proof[144..], honest[..48]);
		let mut second = honest;
		hooks.spoil(Fault::PoRep, &mut second);
		assert_eq!(second, honest);
	}

	#[test]
	fn without_hooks_nothing_happens() {
		let hooks = Hooks::default();
		hooks.reached("pre-commit-1");
		let mut proof = [7; 192];
		hooks.spoil(Fault::PoRep, &mut proof);
		assert_eq!(proof, [7; 192]);
	}

	#[test]
	fn unknown_faults_are_refused() {
		assert_eq!(parse_fault("post"), Ok(Fault::Post));
		assert!(parse_fault("yes").is_err());
	}
}
