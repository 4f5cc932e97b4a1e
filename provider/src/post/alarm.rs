//! Telling the operator of a proof that is late, as long as something can still be done about it.

use holdfast_primitives::{deadline::Window, BlockNumber};

use super::{Progress, Slot};
use crate::{
	app::App,
	chain::ChainError,
	monitor::{Monitor, PostResult, Severity, Topic},
};

/// A partition as alerts name it.
pub(super) fn subject(slot: Slot) -> String {
	format!("deadline {} partition {}", slot.deadline, slot.partition)
}

/// Raises or clears the alert about a partition, given how far its proof is.
pub(super) fn look(
	monitor: &Monitor,
	slot: Slot,
	progress: Option<&Progress>,
	window: Window,
	best: BlockNumber,
) {
	let subject = subject(slot);
	let Some(progress) = progress else { return };
	if *progress == Progress::Done {
		monitor.clear(Topic::PostLate, &subject);
		monitor.clear(Topic::PostMissed, &subject);
		monitor.clear(Topic::PostRefused, &subject);
		return;
	}
	if let Some(severity) = lateness(window, best) {
		let left = window.close.saturating_sub(best);
		let state = match progress {
			Progress::Proving => "is still being proven",
			Progress::Failed(_) => "could not be proven; the log says why",
			Progress::Ready(_) | Progress::Sending(_) => {
				"is proven, but the chain does not have it yet"
			},
			Progress::Done => return,
		};
		let text = format!("it {state}: {left} blocks are left before the penalty");
		monitor.raise(Topic::PostLate, &subject, severity, text);
	}
}

/// How bad it is that nothing is proven yet: from a third of the window on, and from two thirds.
fn lateness(window: Window, best: BlockNumber) -> Option<Severity> {
	if !window.is_open(best) {
		return None;
	}
	let length = u64::from(window.close.saturating_sub(window.open));
	let gone = u64::from(best.saturating_sub(window.open));
	if gone.saturating_mul(3) >= length.saturating_mul(2) {
		Some(Severity::Critical)
	} else if gone.saturating_mul(3) >= length {
		Some(Severity::Warning)
	} else {
		None
	}
}

/// Reports a partition whose window is over without a proof, unless the chain has one all the same.
pub(super) async fn missed(app: &App, slot: Slot) -> Result<(), ChainError> {
	let subject = subject(slot);
	let found = app.chain.partition(slot.deadline, slot.partition).await?;
	app.monitor.clear(Topic::PostLate, &subject);
	if found.is_none_or(|found| found.last_proof >= slot.open) {
		return Ok(());
	}
	app.monitor.post(PostResult::Missed);
	let text = "its window is over without a proof: its sectors are faulty and cost the fault fee. Those that are \
	            intact are declared recovered before the next window, and proven in it";
	app.monitor
		.raise(Topic::PostMissed, &subject, Severity::Critical, text);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	const WINDOW: Window = Window {
		deadline: 1,
		open: 100,
		close: 120,
		challenge: 96,
	};

	#[test]
	fn alerts_come_before_the_penalty_and_get_louder() {
		let expected = [
			(99, None),
			(100, None),
			(106, None),
			(107, Some(Severity::Warning)),
			(113, Some(Severity::Warning)),
			(114, Some(Severity::Critical)),
			(119, Some(Severity::Critical)),
			(120, None),
		];
		for (best, severity) in expected {
			assert_eq!(lateness(WINDOW, best), severity, "{best}");
		}
	}

	#[test]
	fn only_a_partition_with_something_to_prove_is_late() {
		let monitor = Monitor::default();
		let slot = Slot {
			open: 100,
			deadline: 1,
			partition: 3,
		};
		look(&monitor, slot, None, WINDOW, 119);
		assert!(monitor.alerts().is_empty());
		look(&monitor, slot, Some(&Progress::Failed(118)), WINDOW, 110);
		let alerts = monitor.alerts();
		assert_eq!(alerts[0].subject, "deadline 1 partition 3");
		assert!(alerts[0].text.contains("10 blocks are left"));
		look(&monitor, slot, Some(&Progress::Done), WINDOW, 111);
		assert!(monitor.alerts().is_empty());
	}
}
