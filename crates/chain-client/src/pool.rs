//! What a node's transaction pool says when it refuses an extrinsic.

use subxt::rpcs::UserError;

// The codes of the `author` methods, which are stable and have no names in the library.
const INVALID: i32 = 1010;
const UNKNOWN_VALIDITY: i32 = 1011;
const TEMPORARILY_BANNED: i32 = 1012;
const ALREADY_IMPORTED: i32 = 1013;
const TOO_LOW_PRIORITY: i32 = 1014;
const IMMEDIATELY_DROPPED: i32 = 1016;

/// Why the pool did not take an extrinsic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
	/// Made anew, with another nonce or at another time, it may be taken.
	Later(String),
	/// It would be refused again.
	Never(String),
}

/// What a refusal means; none if the pool has the extrinsic already.
pub(crate) fn refusal(error: &UserError) -> Option<Refusal> {
	let detail = error
		.data
		.as_ref()
		.map(|data| data.get().trim_matches('"').to_owned())
		.unwrap_or_default();
	let reason = if detail.is_empty() {
		error.message.clone()
	} else {
		format!("{}: {detail}", error.message)
	};
	match error.code {
		ALREADY_IMPORTED => None,
		// Somebody used the nonce in the meantime, or the birth block was on a fork that lost.
		INVALID
			if ["outdated", "in the future", "ancient birth block"]
				.iter()
				.any(|text| detail.to_lowercase().contains(text)) =>
		{
			Some(Refusal::Later(reason))
		},
		INVALID if detail.contains("Inability to pay") => Some(Refusal::Never(
			"the account cannot pay the transaction's fee: send it some money first".to_owned(),
		)),
		INVALID | UNKNOWN_VALIDITY => Some(Refusal::Never(reason)),
		TOO_LOW_PRIORITY => Some(Refusal::Later(
			"another transaction of the account waits with the same nonce: does a second program use \
			 the account?"
				.to_owned(),
		)),
		TEMPORARILY_BANNED => Some(Refusal::Later(reason)),
		IMMEDIATELY_DROPPED => Some(Refusal::Later(
			"the node's transaction pool is full: try again later".to_owned(),
		)),
		_ => Some(Refusal::Never(reason)),
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	fn error(code: i32, message: &str, data: &str) -> UserError {
		serde_json::from_value(serde_json::json!({
			"code": code,
			"message": message,
			"data": data,
		}))
		.unwrap()
	}

	#[test]
	fn a_used_nonce_is_tried_again() {
		for (code, data) in [
			(1010, "Transaction is outdated"),
			(1010, "Transaction will be valid in the future"),
			(1010, "Transaction has an ancient birth block"),
			(1012, ""),
			(1014, "The transaction has too low priority to replace another transaction already in the pool."),
			(1016, "The transaction couldn't enter the pool because of the limit"),
		] {
			let refusal = refusal(&error(code, "Invalid Transaction", data));
			assert!(matches!(refusal, Some(Refusal::Later(_))), "{code} {data}");
		}
	}

	#[test]
	fn an_invalid_extrinsic_is_not_tried_again() {
		for (code, data) in [
			(1010, "Transaction has a bad signature"),
			(1010, "Custom error: 3"),
			(1011, "Could not lookup"),
			(-32601, "method not found"),
			(1002, "verification error"),
		] {
			let refusal = refusal(&error(code, "Invalid Transaction", data));
			assert!(matches!(refusal, Some(Refusal::Never(_))), "{code} {data}");
		}
	}

	#[test]
	fn who_cannot_pay_is_told_so() {
		let data = "Inability to pay some fees (e.g. account balance too low)";
		assert_eq!(
			refusal(&error(1010, "Invalid Transaction", data)),
			Some(Refusal::Never(
				"the account cannot pay the transaction's fee: send it some money first".to_owned()
			))
		);
	}

	#[test]
	fn what_the_pool_has_is_no_refusal() {
		assert_eq!(refusal(&error(1013, "Already Imported", "")), None);
	}
}
