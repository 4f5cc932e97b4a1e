//! Both kinds of index: what is read is written as the same bytes, and every entry is found.
#![no_main]

use holdfast_data::car::SortedIndex;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	let Ok(index) = SortedIndex::read(bytes, 1 << 20) else {
		return;
	};
	assert_eq!(index.iter().count(), index.len());
	let mut written = Vec::new();
	index.write(&mut written).unwrap();
	let again = SortedIndex::read(&written[..], 1 << 20).unwrap();
	assert_eq!(again, index);
});
