//! Blocks as text and text as blocks: what is compiled is sound, and comes back from its own text.
#![no_main]

use holdfast_data::{
	block::verify,
	car::{CarReader, CarWriter, Limits},
	dag_json::{from_json, to_json},
	patch::{compile, debug},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	for codec in [0x55, 0x70, 0x71, 0x0129] {
		if let Ok(json) = to_json(codec, bytes) {
			if let Ok(block) = from_json(codec, &json) {
				assert_eq!(to_json(codec, &block).unwrap(), json);
			}
		}
	}
	let Ok(text) = std::str::from_utf8(bytes) else {
		return;
	};
	let Ok(compiled) = compile(text) else {
		return;
	};
	let mut car = CarWriter::new(Vec::new(), compiled.roots.clone()).unwrap();
	for block in &compiled.blocks {
		verify(&block.cid, &block.data).unwrap();
		car.write_block(&block.cid, &block.data).unwrap();
	}
	let car = car.finish().unwrap();
	let Ok(reader) = CarReader::new(&car[..], Limits::default()) else {
		return;
	};
	let mut text = Vec::new();
	if debug(reader, "name", &mut text).is_ok() {
		let again = compile(std::str::from_utf8(&text).unwrap()).unwrap();
		assert_eq!(again.roots, compiled.roots);
		assert_eq!(again.blocks.len(), compiled.blocks.len());
	}
});
