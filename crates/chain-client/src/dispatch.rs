//! Why the chain refused something, in words.

use subxt::{
	dynamic::{At, Value},
	Metadata,
};

use crate::shapes::storage::variant;

/// The pallet's name in a [`Failure`] that is no pallet's.
const NO_PALLET: &str = "System";

/// An error in the chain's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
	/// The pallet whose error it is; `System` for errors of no pallet.
	pub(crate) pallet: String,
	/// The error's name.
	pub(crate) error: String,
	/// What it means.
	pub(crate) message: String,
}

impl Failure {
	/// Makes sense of a decoded `DispatchError`, or of any other enum that says why.
	pub(crate) fn from_value(value: &Value, metadata: &Metadata) -> Self {
		let error = match variant(value) {
			Some(outer) if outer.name == "Module" => {
				let module = outer.values.values().next();
				return module
					.and_then(|module| module_failure(module, metadata))
					.unwrap_or_else(|| Self::of_no_pallet("Module".to_owned()));
			},
			// Such as `Token`, with the variant that says which.
			Some(outer) => match outer.values.values().next().and_then(variant) {
				Some(inner) => format!("{}.{}", outer.name, inner.name),
				None => outer.name.clone(),
			},
			None => value.to_string(),
		};
		Self::of_no_pallet(error)
	}

	fn of_no_pallet(error: String) -> Self {
		let message = match error.as_str() {
			"BadOrigin" => "this account may not do that",
			"CannotLookup" => "the account does not exist",
			"Exhausted" => "it is too large to be processed",
			"RootNotAllowed" => "the chain's administration may not do that",
			"ConsumerRemaining" | "NoProviders" | "Token.OnlyProvider" | "Token.NotExpendable" => {
				"the account must keep its existential deposit"
			},
			"Token.FundsUnavailable" => "the account has not enough free balance",
			"Token.BelowMinimum" => "the amount is below the existential deposit",
			"Token.Frozen" => "the account's money is frozen",
			"Token.CannotCreate" | "Token.CannotCreateHold" => {
				"the account does not exist and cannot be created by this"
			},
			"Arithmetic.Overflow" | "Arithmetic.Underflow" | "Arithmetic.DivisionByZero" => {
				"a number is too large or too small"
			},
			_ => "the chain does not say more",
		};
		Self {
			pallet: NO_PALLET.to_owned(),
			message: message.to_owned(),
			error,
		}
	}

	/// `Pallet.Error`, or only the error's name if it is of no pallet.
	pub(crate) fn name(&self) -> String {
		if self.pallet == NO_PALLET {
			self.error.clone()
		} else {
			format!("{}.{}", self.pallet, self.error)
		}
	}
}

/// Looks up `ModuleError { index, error }`.
fn module_failure(module: &Value, metadata: &Metadata) -> Option<Failure> {
	let index = u8::try_from(module.at("index")?.as_u128()?).ok()?;
	// The error is four bytes, of which the first is the variant.
	let error = first_byte(module.at("error")?)?;
	let pallet = metadata.pallet_by_error_index(index)?;
	let variant = pallet.error_variant_by_index(error)?;
	Some(Failure {
		pallet: pallet.name().to_owned(),
		error: variant.name.clone(),
		message: documentation(&variant.docs)
			.unwrap_or_else(|| "the chain does not say more".to_owned()),
	})
}

fn first_byte(value: &Value) -> Option<u8> {
	let mut value = value;
	while value.as_u128().is_none() {
		value = value.at(0)?;
	}
	u8::try_from(value.as_u128()?).ok()
}

/// The documentation of an error as a message that can stand inside others.
fn documentation(lines: &[String]) -> Option<String> {
	let text = lines
		.iter()
		.map(|line| line.trim())
		.filter(|line| !line.is_empty())
		.collect::<Vec<_>>()
		.join(" ");
	let text = text.trim_end_matches('.');
	let first_word = text.split_whitespace().next()?;
	// Names such as CommR and PoSt stay as they are.
	if first_word.chars().skip(1).any(char::is_uppercase) {
		return Some(text.to_owned());
	}
	let mut chars = text.chars();
	Some(chars.next()?.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn documentation_becomes_a_message() {
		let lines = [
			" The sector is not pre-committed,".to_owned(),
			String::new(),
			" or its pre-commit expired.".to_owned(),
		];
		assert_eq!(
			documentation(&lines).as_deref(),
			Some("the sector is not pre-committed, or its pre-commit expired")
		);
		assert_eq!(documentation(&[]), None);
		assert_eq!(documentation(&[" ".to_owned()]), None);
		assert_eq!(
			documentation(&["CommR is zero.".to_owned()]).as_deref(),
			Some("CommR is zero")
		);
	}

	#[test]
	fn the_first_byte_is_found_at_any_depth() {
		let bytes = Value::from_bytes([3, 0, 0, 0]);
		assert_eq!(first_byte(&bytes), Some(3));
		assert_eq!(first_byte(&Value::unnamed_composite([bytes])), Some(3));
		assert_eq!(first_byte(&Value::u128(256)), None);
		assert_eq!(first_byte(&Value::unnamed_composite([])), None);
		assert_eq!(first_byte(&Value::string("x")), None);
	}
}
