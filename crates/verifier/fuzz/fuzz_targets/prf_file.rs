//! Any bytes as a `.prf` file: no panic, and what is read is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../examples/verify-prf/prf.rs"]
mod prf;

fuzz_target!(|bytes: &[u8]| {
	match prf::Prf::parse(bytes) {
		Ok(file) => {
			assert!(!file.records.is_empty());
			assert!(file.input_count() > 0);
			assert_eq!(file.key.len(), 868 + 96 * (file.input_count() + 1));
			for record in &file.records {
				assert_eq!(record.inputs.len(), file.input_count());
				let _ = record.field_elements();
			}
			let written = file.write(file.layout);
			if file.layout == prf::Layout::Single {
				// Proof, count and inputs, and a key, with nothing in between.
				assert_eq!(written.len(), bytes.len());
			}
			assert_eq!(written, bytes);
		},
		Err(error) => assert!(!error.to_string().is_empty()),
	}
});
