//! Reads the next part of a stream while the last is used.

use std::io::{self, Read};

/// Lets `read` fill a part and `each` use it, in turns, until `read` says that there is no more. Where there
/// are several threads, `each` runs on another one while `read` fills the next part on this.
///
/// Fails with the first error of either.
pub fn read_ahead<P, E>(
	mut read: impl FnMut(&mut P) -> Result<More, E>,
	mut each: impl FnMut(&P) -> Result<(), E> + Send,
) -> Result<(), E>
where
	P: Default + Send + Sync,
	E: Send,
{
	let mut part = P::default();
	let mut next = P::default();
	let mut more = read(&mut part)?;
	while more == More::Yes {
		if rayon::current_num_threads() == 1 {
			each(&part)?;
			more = read(&mut part)?;
			continue;
		}
		let mut used = Ok(());
		let next_read = rayon::in_place_scope(|scope| {
			scope.spawn(|_| used = each(&part));
			read(&mut next)
		});
		used?;
		more = next_read?;
		std::mem::swap(&mut part, &mut next);
	}
	each(&part)
}

/// Whether a stream goes on after a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
	Yes,
	No,
}

/// Reads until the buffer is full or the stream ends.
pub fn fill(stream: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
	let mut filled = 0;
	while filled < buffer.len() {
		match stream.read(&mut buffer[filled..]) {
			Ok(0) => break,
			Ok(length) => filled += length,
			Err(error) if error.kind() == io::ErrorKind::Interrupted => {},
			Err(error) => return Err(error),
		}
	}
	Ok(filled)
}
