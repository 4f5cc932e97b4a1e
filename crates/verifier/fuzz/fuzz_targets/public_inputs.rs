//! Any bytes as statements: no panic, and canonical inputs of the right number or an error. And any
//! bytes as field elements: taken exactly if blst takes them, and one encoding for each.
#![no_main]

use holdfast_verifier::{
	encoding::{field_bytes, field_element},
	parameters::{self, Parameters},
	porep::{self, Challenges},
	sector_update, window_post,
};
use libfuzzer_sys::fuzz_target;

/// Takes bytes off the front, zeros when there are none.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
	fn take<const N: usize>(&mut self) -> [u8; N] {
		let mut taken = [0; N];
		let count = self.0.len().min(N);
		let (now, later) = self.0.split_at(count);
		taken[..count].copy_from_slice(now);
		self.0 = later;
		taken
	}

	fn number(&mut self) -> u64 {
		u64::from_le_bytes(self.take())
	}
}

fn assert_field_element(bytes: [u8; 32]) {
	let ours = field_element(&bytes);
	let theirs = Option::<blstrs::Scalar>::from(blstrs::Scalar::from_bytes_le(&bytes));
	assert_eq!(ours.map(|value| field_bytes(&value)), theirs.map(|_| bytes));
}

fuzz_target!(|bytes: &[u8]| {
	let mut source = Source(bytes);
	let [choice, partition] = source.take();
	let sector_bytes = match parameters::ALL.get(usize::from(choice % 6)) {
		Some(size) => size.sector_bytes,
		None => source.number(),
	};
	let size = Parameters::of(sector_bytes);
	if choice & 0x80 == 0 {
		let statement = porep::Statement {
			sector_bytes,
			porep_id: source.take(),
			prover_id: source.take(),
			sector_number: source.number(),
			comm_d: source.take(),
			comm_r: source.take(),
			ticket: source.take(),
			seed: source.take(),
		};
		assert_field_element(statement.comm_d);
		assert_field_element(statement.comm_r);
		let challenges = if choice & 0x40 == 0 {
			Challenges::Interactive
		} else {
			Challenges::Synthetic
		};
		let inputs = statement.partition_inputs_with(challenges, partition.into());
		if let (Ok(inputs), Ok(size)) = (inputs, size) {
			assert!(u32::from(partition) < size.porep_partitions);
			assert_eq!(inputs.len(), size.porep_inputs());
			assert_eq!(field_bytes(&inputs[1]), statement.comm_d);
			assert_eq!(field_bytes(&inputs[2]), statement.comm_r);
			let nodes = size.nodes();
			for input in &inputs[3..] {
				let bytes = field_bytes(input);
				let (low, high) = bytes.split_at(8);
				assert!(high.iter().all(|byte| *byte == 0));
				assert!(u64::from_le_bytes(low.try_into().expect("8 bytes")) < nodes);
			}
		}
	} else if choice & 0x40 != 0 {
		let statement = sector_update::Statement {
			sector_bytes,
			old_comm_r: source.take(),
			new_comm_d: source.take(),
			new_comm_r: source.take(),
		};
		if let (Ok(inputs), Ok(size)) = (statement.public_inputs(), size) {
			assert_eq!(inputs.len(), size.update_partitions as usize);
			for input in &inputs {
				assert_eq!(field_bytes(&input[1]), statement.old_comm_r);
				assert_eq!(field_bytes(&input[2]), statement.new_comm_d);
				assert_eq!(field_bytes(&input[3]), statement.new_comm_r);
			}
		}
	} else {
		let randomness = source.take();
		let count = usize::from(partition).min(source.0.len() / 8);
		let sectors: Vec<_> = (0..count)
			.map(|_| (source.number(), source.take()))
			.collect();
		let statement = window_post::Statement {
			sector_bytes,
			randomness,
			sectors: &sectors,
		};
		assert_field_element(randomness);
		if let (Ok(inputs), Ok(size)) = (statement.public_inputs(), size) {
			assert_eq!(inputs.len(), 1);
			assert_eq!(inputs[0].len(), size.window_post_inputs());
			assert!(sectors.is_sorted_by(|(first, _), (second, _)| first < second));
		}
	}
});
