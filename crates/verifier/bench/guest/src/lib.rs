//! The compared verifiers as a wasm module: the runner writes a file into memory that it asked for,
//! makes a verifier from it, and calls that.

#![no_std]
#![deny(missing_docs)]
// What crosses the module's border are addresses.
#![allow(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use cases::Verifier;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
	core::arch::wasm32::unreachable()
}

/// Memory for a file of `length` bytes.
#[no_mangle]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
	let mut bytes = alloc::vec![0u8; length].into_boxed_slice();
	let start = bytes.as_mut_ptr();
	core::mem::forget(bytes);
	start
}

/// Reads the file at `start`; 0 if it is unusable.
///
/// # Safety
///
/// `start` and `length` must be of one [`reserve`], not used before.
#[no_mangle]
pub unsafe extern "C" fn read(number: usize, start: *const u8, length: usize) -> usize {
	let bytes = core::slice::from_raw_parts(start, length);
	match cases::verifier(number, bytes) {
		Some(verifier) => Box::into_raw(Box::new(verifier)) as usize,
		None => 0,
	}
}

/// Verifies: 0 the first proof, 1 all proofs, 2 reads the stored key.
///
/// # Safety
///
/// `verifier` must come from [`read`].
#[no_mangle]
pub unsafe extern "C" fn run(verifier: usize, what: usize) -> usize {
	let verifier = &*(verifier as *const Box<dyn Verifier>);
	usize::from(match what {
		0 => verifier.single(),
		1 => verifier.batch(),
		_ => verifier.read_key(),
	})
}
