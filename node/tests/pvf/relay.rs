//! The relay chain's validators: the executor that they run parachains' code in, called in process.

use codec::{Decode, Encode};
use cpu_time::ThreadTime;
use cumulus_primitives_core::relay_chain::{HeadData, MAX_CODE_SIZE};
use polkadot_node_core_pvf_common::executor_interface;
use polkadot_parachain_primitives::primitives::{ValidationParams, ValidationResult};
use polkadot_primitives::{
	executor_params::DEFAULT_NATIVE_STACK_MAX, ExecutorHostFunction, ExecutorParam, ExecutorParams,
};
use std::{cell::RefCell, sync::Once, time::Duration};

/// How many times larger than compressed code may be (`VALIDATION_CODE_BOMB_LIMIT`).
const BOMB_FACTOR: usize = 10;
/// What the thread that executes has beside the stack of the code.
const OWN_STACK: usize = 2 * 1024 * 1024;

/// The executor's parameters as Polkadot has them.
pub fn as_on_polkadot() -> ExecutorParams {
	ExecutorParams::default()
}

/// The same with the host functions for elliptic curves of RFC-0163.
pub fn with_curve_functions() -> ExecutorParams {
	let enabled = ExecutorParam::EnabledHostFunction(ExecutorHostFunction::EccRfc163);
	ExecutorParams::from(&[enabled][..])
}

/// A parachain's validation code, prepared.
pub struct Pvf {
	artifact: Vec<u8>,
	params: ExecutorParams,
	/// How much processor time the preparation took.
	pub prepare_time: Duration,
	/// The code's bytes before it was compressed.
	pub code_bytes: usize,
}

/// What a validator says of a block.
pub struct Verdict {
	pub result: Result<ValidationResult, String>,
	/// How much processor time it took.
	pub time: Duration,
}

impl Pvf {
	/// Compiles the code, given as the relay chain keeps it.
	pub fn prepare(code: &[u8], params: ExecutorParams) -> Result<Self, String> {
		assert!(
			code.len() <= MAX_CODE_SIZE as usize,
			"the code is too large"
		);
		let limit = BOMB_FACTOR * MAX_CODE_SIZE as usize;
		let code = sp_maybe_compressed_blob::decompress(code, limit)
			.map_err(|error| format!("not compressed code: {error}"))?;
		let start = ThreadTime::now();
		let blob = executor_interface::prevalidate(&code)
			.map_err(|error| format!("prevalidation: {error}"))?;
		let artifact = executor_interface::prepare(blob, &params)
			.map_err(|error| format!("preparation: {error}"))?;
		Ok(Self {
			artifact,
			params,
			prepare_time: start.elapsed(),
			code_bytes: code.len(),
		})
	}

	/// The same artifact for validators with other executor parameters. Only those that leave the artifact as
	/// it is make sense, which is what the relay chain's own validators look at too.
	pub fn executed_with(&self, params: ExecutorParams) -> Self {
		assert_eq!(self.params.prep_hash(), params.prep_hash());
		Self {
			artifact: self.artifact.clone(),
			params,
			..*self
		}
	}

	/// Executes the code on a block.
	pub fn validate(&self, params: &ValidationParams) -> Verdict {
		listen_to_last_words();
		let params = params.encode();
		let execute = || {
			let start = ThreadTime::now();
			let result = self.execute(&params);
			Verdict {
				result,
				time: start.elapsed(),
			}
		};
		// The workers' own thread has as large a stack.
		let stack = OWN_STACK + DEFAULT_NATIVE_STACK_MAX as usize;
		std::thread::scope(|scope| {
			std::thread::Builder::new()
				.stack_size(stack)
				.spawn_scoped(scope, execute)
				.unwrap()
				.join()
				.unwrap()
		})
	}

	#[allow(unsafe_code)]
	fn execute(&self, params: &[u8]) -> Result<ValidationResult, String> {
		// SAFETY: the artifact was made by `prepare` of the same crate, with the same parameters; it is
		// private to this type and nothing changes it.
		let result =
			unsafe { executor_interface::execute_artifact(&self.artifact, &self.params, params) };
		let result = result.map_err(|error| format!("{error}\n{}", LAST_WORDS.take()))?;
		ValidationResult::decode(&mut &result[..]).map_err(|error| error.to_string())
	}
}

impl Verdict {
	/// The parachain's new head, if the block is valid.
	pub fn head(self) -> HeadData {
		self.result
			.unwrap_or_else(|error| panic!("the block is refused: {error}"))
			.head_data
	}

	/// Why the block is not valid.
	pub fn refusal(self) -> String {
		self.result.expect_err("the block is accepted")
	}
}

thread_local! {
	/// What the code that this thread executes logged as errors: the message of its panic, if it panics.
	static LAST_WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

struct LastWords;

impl log::Log for LastWords {
	fn enabled(&self, metadata: &log::Metadata) -> bool {
		metadata.level() == log::Level::Error
	}

	fn log(&self, record: &log::Record) {
		if self.enabled(record.metadata()) {
			LAST_WORDS.with_borrow_mut(|words| words.push_str(&record.args().to_string()));
		}
	}

	fn flush(&self) {}
}

fn listen_to_last_words() {
	static LISTENING: Once = Once::new();
	LISTENING.call_once(|| {
		log::set_logger(&LastWords).unwrap();
		log::set_max_level(log::LevelFilter::Error);
	});
}
