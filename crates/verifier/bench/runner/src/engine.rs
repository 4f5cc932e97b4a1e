//! The guest under the settings of the relay chain's executor.

use anyhow::{anyhow, ensure, Context, Result};
use wasm_instrument::parity_wasm;
use wasmtime::{Config, Engine, Instance, Memory, Module, OptLevel, Store, TypedFunc};

/// The stack depth that the executor allows, counted by instrumenting the code as the executor does.
const LOGICAL_STACK: u32 = 65_536;
const NATIVE_STACK: usize = 256 * 1024 * 1024;

/// The settings of `polkadot-node-core-pvf-common` and `sc-executor-wasmtime`.
fn config() -> Config {
	let mut config = Config::new();
	config
		.cranelift_opt_level(OptLevel::SpeedAndSize)
		.cranelift_nan_canonicalization(true)
		.max_wasm_stack(NATIVE_STACK)
		.wasm_reference_types(false)
		.wasm_simd(false)
		.wasm_relaxed_simd(false)
		.wasm_bulk_memory(false)
		.wasm_multi_value(false)
		.wasm_multi_memory(false)
		.wasm_threads(false)
		.wasm_memory64(false)
		.wasm_tail_call(false)
		.wasm_extended_const(false)
		.memory_init_cow(true);
	config
}

/// An instance of the guest.
pub struct Guest {
	store: Store<()>,
	memory: Memory,
	reserve: TypedFunc<u32, u32>,
	read: TypedFunc<(u32, u32, u32), u32>,
	run: TypedFunc<(u32, u32), u32>,
}

impl Guest {
	/// Compiles and instantiates the module.
	pub fn new(wasm: &[u8]) -> Result<Self> {
		let module = parity_wasm::deserialize_buffer(wasm)?;
		let module = wasm_instrument::inject_stack_limiter(module, LOGICAL_STACK)
			.map_err(|error| anyhow!("cannot limit the stack: {error}"))?;
		let engine = Engine::new(&config())?;
		let module = Module::new(&engine, parity_wasm::serialize(module)?)?;
		let mut store = Store::new(&engine, ());
		let instance = Instance::new(&mut store, &module, &[])?;
		Ok(Self {
			memory: instance
				.get_memory(&mut store, "memory")
				.context("the guest has no memory")?,
			reserve: instance.get_typed_func(&mut store, "reserve")?,
			read: instance.get_typed_func(&mut store, "read")?,
			run: instance.get_typed_func(&mut store, "run")?,
			store,
		})
	}

	/// Hands a file to the verifier of that number, and returns where it is.
	pub fn read(&mut self, number: usize, file: &[u8]) -> Result<u32> {
		let length = u32::try_from(file.len())?;
		let start = self.reserve.call(&mut self.store, length)?;
		self.memory
			.write(&mut self.store, usize::try_from(start)?, file)?;
		let verifier = self
			.read
			.call(&mut self.store, (u32::try_from(number)?, start, length))?;
		ensure!(verifier != 0, "the guest cannot read the file");
		Ok(verifier)
	}

	/// Verifies.
	pub fn run(&mut self, verifier: u32, what: u32) -> Result<bool> {
		Ok(self.run.call(&mut self.store, (verifier, what))? == 1)
	}
}
