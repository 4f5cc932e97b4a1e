//! Test hooks, set by environment variables: how the daemon misbehaves on purpose.
//!
//! - `HOLDFAST_FAULT=porep`, `post` or `porep,post` spoils one proof of each of these kinds, once in the
//!   daemon's run, right before it is sent, so that one can watch the chain refuse it.
//! - `HOLDFAST_STOP_AFTER=<point>` makes the daemon kill itself, as `kill -9` would, when it first reaches
//!   the point. `data-stored`, `accepted`, `published`: what the words say. `adding-piece`, `pre-commit-1`,
//!   `pre-commit-2`, `pre-committing`, `waiting-seed`, `vanilla-proof`, `proving`, `prove-committing`,
//!   `finalizing`: the stage's work is done, but the task is not. `publishing`: noted, but not yet sent.
//!   `publishing-sent`, `pre-committing-sent`, `prove-committing-sent`, `post-sent`, `settling-sent`:
//!   included in a block, but not yet noted. A worker knows `worker-` with a task's kind, such as
//!   `worker-pre-commit-1`: the work is done, but its result is not kept.

use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_primitives::ProofBytes;
use rustix::process::{getpid, kill_process, Signal};

/// The variable that spoils a proof.
pub const FAULT_VARIABLE: &str = "HOLDFAST_FAULT";
/// The variable that kills the daemon.
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
	porep: AtomicBool,
	post: AtomicBool,
	stop_after: Option<String>,
}

impl Hooks {
	/// Reads the environment.
	pub fn from_environment() -> Result<Self, HookError> {
		let faults = match std::env::var(FAULT_VARIABLE) {
			Err(_) => Vec::new(),
			Ok(text) => parse_faults(&text)?,
		};
		let mut hooks = Self::with_faults(&faults);
		hooks.stop_after = std::env::var(STOP_VARIABLE).ok();
		Ok(hooks)
	}

	fn with_faults(faults: &[Fault]) -> Self {
		Self {
			porep: AtomicBool::new(faults.contains(&Fault::PoRep)),
			post: AtomicBool::new(faults.contains(&Fault::Post)),
			stop_after: None,
		}
	}

	/// Spoils the proof if that is asked for and was not done yet.
	pub fn spoil(&self, kind: Fault, proof: &mut ProofBytes) {
		let left = match kind {
			Fault::PoRep => &self.porep,
			Fault::Post => &self.post,
		};
		if left.swap(false, Ordering::SeqCst) {
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

	/// Kills the daemon if it is to stop here.
	pub fn reached(&self, point: &str) {
		if self.stop_after.as_deref() == Some(point) {
			tracing::warn!("test hook: stopping after {point}, because {STOP_VARIABLE} is set");
			// As in a crash, nothing gets to clean up. The signal may take a moment to arrive.
			let _ = kill_process(getpid(), Signal::KILL);
			std::process::abort();
		}
	}
}

fn parse_faults(text: &str) -> Result<Vec<Fault>, HookError> {
	text.split(',')
		.map(|name| match name.trim() {
			"porep" => Ok(Fault::PoRep),
			"post" => Ok(Fault::Post),
			_ => Err(HookError {
				value: text.to_owned(),
			}),
		})
		.collect()
}

/// An unknown fault is asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{FAULT_VARIABLE} is `{value}`: use porep, post or porep,post, or leave it unset")]
pub struct HookError {
	value: String,
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn one_proof_of_the_kind_is_spoilt_once() {
		let hooks = Hooks::with_faults(&[Fault::PoRep]);
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
		assert_eq!(parse_faults("post"), Ok(vec![Fault::Post]));
		assert_eq!(
			parse_faults("porep, post"),
			Ok(vec![Fault::PoRep, Fault::Post])
		);
		for text in ["yes", "", "porep,"] {
			assert!(parse_faults(text).is_err());
		}
	}
}
