//! The encoding of view functions, which are called through one runtime function that takes and gives
//! bytes. The library leaves out their lengths, and that the function can fail.

use codec::{Decode, Encode};
use subxt::{ext::scale_decode::DecodeAsType, Metadata};

/// The runtime function that calls view functions.
pub(crate) const API: &str = "RuntimeViewFunction_execute_view_function";

/// The bytes that name a view function.
const ID_BYTES: usize = 32;

/// Turns an identity and arguments one after the other into the function's input: the arguments are a
/// list of bytes, with its length.
pub(crate) fn input(id_and_arguments: &[u8]) -> Vec<u8> {
	let (id, arguments) = id_and_arguments.split_at(id_and_arguments.len().min(ID_BYTES));
	let mut input = id.to_vec();
	arguments.encode_to(&mut input);
	input
}

/// Decodes the function's output: a list of bytes, or an error.
pub(crate) fn output<V: DecodeAsType>(
	metadata: &Metadata,
	pallet: &str,
	function: &str,
	bytes: &[u8],
) -> Result<V, String> {
	let kind = metadata
		.pallet_by_name(pallet)
		.and_then(|pallet| {
			pallet
				.view_function_by_name(function)
				.map(|view| view.output_ty())
		})
		.ok_or("there is no such view function")?;
	// Of the error only the variant is of interest.
	let value = <Result<Vec<u8>, u8>>::decode(&mut &bytes[..])
		.map_err(|error| error.to_string())?
		.map_err(|variant| format!("the view function failed with error {variant}"))?;
	let mut rest = &value[..];
	let decoded =
		V::decode_as_type(&mut rest, kind, metadata.types()).map_err(|error| error.to_string())?;
	if rest.is_empty() {
		Ok(decoded)
	} else {
		Err(format!("{} bytes of its answer are left over", rest.len()))
	}
}
