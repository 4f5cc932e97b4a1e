//! Calls into filecoin-proofs.

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs an operation of filecoin-proofs, which panics where others return errors. The operations keep their
/// state in files, which are checked or made anew afterwards, so nothing broken is seen after a panic.
pub(crate) fn guarded<T>(operation: impl FnOnce() -> anyhow::Result<T>) -> Result<T, String> {
	match catch_unwind(AssertUnwindSafe(operation)) {
		Ok(Ok(value)) => Ok(value),
		Ok(Err(error)) => Err(format!("{error:#}")),
		Err(panic) => Err(panic
			.downcast_ref::<String>()
			.cloned()
			.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
			.unwrap_or_else(|| "filecoin-proofs panicked".into())),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn errors_and_panics_become_messages() {
		assert_eq!(guarded(|| Ok(1)), Ok(1));
		assert_eq!(
			guarded::<()>(|| Err(anyhow::anyhow!("inner").context("outer"))),
			Err("outer: inner".into())
		);
		assert_eq!(guarded::<()>(|| panic!("plain")), Err("plain".into()));
		assert_eq!(
			guarded::<()>(|| panic!("number {}", 7)),
			Err("number 7".into())
		);
	}
}
