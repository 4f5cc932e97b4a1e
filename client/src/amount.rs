//! Amounts of money as people read and write them: in HOLD.

use holdfast_primitives::{policy::HOLD, Balance};

/// Reads an amount of HOLD with up to 12 decimals.
pub fn parse_amount(text: &str) -> Result<Balance, String> {
	const DECIMALS: usize = 12;
	let wrong = || format!("`{text}` is no amount of HOLD: write for example 5 or 0.25");
	let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
	let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || fraction.len() > DECIMALS || !digits(whole) || !digits(fraction) {
		return Err(wrong());
	}
	let units: Balance = whole.parse().map_err(|_| wrong())?;
	let parts: Balance = format!("{fraction:0<DECIMALS$}")
		.parse()
		.map_err(|_| wrong())?;
	units
		.checked_mul(HOLD)
		.and_then(|units| units.checked_add(parts))
		.ok_or_else(wrong)
}

/// Writes an amount in HOLD, without needless zeros.
pub fn format_amount(amount: Balance) -> String {
	let text = format!("{}.{:012}", amount / HOLD, amount % HOLD);
	format!("{} HOLD", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_are_read_and_written_exactly() {
		for (text, amount) in [
			("5", 5 * HOLD),
			("0.25", HOLD / 4),
			("0.000000000001", 1),
			("340282366920938463463374607.431768211455", u128::MAX),
		] {
			assert_eq!(parse_amount(text), Ok(amount));
			assert_eq!(format_amount(amount), format!("{text} HOLD"));
		}
	}

	#[test]
	fn what_is_no_amount_is_refused() {
		for text in [
			"",
			".",
			"-1",
			"1e3",
			"0.0000000000001",
			"1.2.3",
			"340282366920938463463374608",
		] {
			assert!(parse_amount(text).is_err(), "{text}");
		}
	}
}
