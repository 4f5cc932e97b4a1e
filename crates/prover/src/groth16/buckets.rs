//! The buckets of one window.

use super::curve::{add_all, Affine, Curve, Scratch};
use group::Group;

/// The most additions that share an inversion.
const BATCH: usize = 512;

#[derive(Clone, Copy, PartialEq)]
enum State {
	Empty,
	Filled,
	/// Part of the batch, hence not to be changed before it.
	Taken,
}

/// Points by their digit's absolute value, the value one first.
pub(super) struct Buckets<C: Curve> {
	points: Vec<Affine<C::Coordinate>>,
	states: Vec<State>,
	/// The additions of the batch: the bucket and the point; no bucket is there twice.
	targets: Vec<u32>,
	addends: Vec<Affine<C::Coordinate>>,
	/// Additions to buckets that are in the batch already.
	delayed: Vec<(u32, Affine<C::Coordinate>)>,
	batch: usize,
	/// What the buckets of the batch hold.
	held: Vec<Affine<C::Coordinate>>,
	scratch: Scratch<C::Coordinate>,
}

impl<C: Curve> Buckets<C> {
	pub(super) fn new(count: usize) -> Self {
		let batch = BATCH.min(count);
		Self {
			points: vec![Affine::IDENTITY; count],
			states: vec![State::Empty; count],
			targets: Vec::with_capacity(batch),
			addends: Vec::with_capacity(batch),
			delayed: Vec::with_capacity(batch),
			batch,
			held: Vec::with_capacity(batch),
			scratch: Scratch::default(),
		}
	}

	/// Adds a point, or subtracts it if the digit is negative.
	pub(super) fn add(&mut self, digit: i16, point: &Affine<C::Coordinate>) {
		let Some(bucket) = u32::from(digit.unsigned_abs()).checked_sub(1) else {
			return;
		};
		self.place(bucket, point.negate_if(digit < 0));
		if self.targets.len() >= self.batch || self.delayed.len() >= self.batch {
			self.work_off();
		}
	}

	fn place(&mut self, bucket: u32, point: Affine<C::Coordinate>) {
		let index = index(bucket);
		match self.states[index] {
			State::Empty => {
				self.points[index] = point;
				self.states[index] = State::Filled;
			},
			State::Filled => {
				self.states[index] = State::Taken;
				self.targets.push(bucket);
				self.addends.push(point);
			},
			State::Taken => self.delayed.push((bucket, point)),
		}
	}

	/// Does the batch's additions, then lets the delayed ones into the next batch.
	fn work_off(&mut self) {
		self.add_batch();
		if self.delayed.len() >= self.batch / 2 {
			self.join_delayed();
		}
		let mut delayed = std::mem::take(&mut self.delayed);
		for (bucket, point) in delayed.drain(..) {
			self.place(bucket, point);
		}
		// What could not be placed waits in the new list; the old one's room is used again.
		delayed.append(&mut self.delayed);
		self.delayed = delayed;
	}

	fn add_batch(&mut self) {
		self.held.clear();
		self.held.extend(
			self.targets
				.iter()
				.map(|&bucket| self.points[index(bucket)]),
		);
		add_all(&mut self.held, &self.addends, &mut self.scratch);
		for (&bucket, point) in self.targets.iter().zip(&self.held) {
			self.points[index(bucket)] = *point;
			self.states[index(bucket)] = State::Filled;
		}
		self.targets.clear();
		self.addends.clear();
	}

	/// Adds delayed points of the same bucket to each other until few are left or all differ: with very
	/// uneven digits nearly all are delayed.
	fn join_delayed(&mut self) {
		self.delayed.sort_unstable_by_key(|(bucket, _)| *bucket);
		loop {
			let (mut left, mut right, mut rest) = (Vec::new(), Vec::new(), Vec::new());
			let mut points = self.delayed.iter().copied().peekable();
			while let Some((bucket, point)) = points.next() {
				match points.next_if(|(other, _)| *other == bucket) {
					Some((_, other)) => {
						left.push(point);
						right.push(other);
						rest.push((bucket, None));
					},
					None => rest.push((bucket, Some(point))),
				}
			}
			if left.is_empty() {
				return;
			}
			add_all(&mut left, &right, &mut self.scratch);
			let mut sums = left.into_iter();
			self.delayed = rest
				.into_iter()
				.filter_map(|(bucket, point)| Some((bucket, point.or_else(|| sums.next())?)))
				.collect();
		}
	}

	/// `sum_b b · bucket_b`.
	pub(super) fn finish(mut self) -> C::Projective {
		while !(self.targets.is_empty() && self.delayed.is_empty()) {
			self.work_off();
		}
		// With b - 1 = high · columns + low, the sum is that of high · columns · row_high and of
		// (low + 1) · column_low, where the sums of rows and columns are affine, by the batch.
		let rows = 1usize << (self.points.len().ilog2() / 2);
		let columns = self.points.len() / rows;
		let transposed: Vec<_> = (0..columns)
			.flat_map(|column| (0..rows).map(move |row| (row, column)))
			.map(|(row, column)| self.points[row * columns + column])
			.collect();
		let row_sums = self.fold(transposed, rows);
		let points = std::mem::take(&mut self.points);
		let column_sums = self.fold(points, columns);

		let mut high = weighted::<C>(&row_sums[1.min(rows)..]);
		for _ in 0..columns.ilog2() {
			high = high.double();
		}
		high + weighted::<C>(&column_sums)
	}

	/// The sum of all pieces of a length.
	fn fold(
		&mut self,
		mut points: Vec<Affine<C::Coordinate>>,
		length: usize,
	) -> Vec<Affine<C::Coordinate>> {
		while points.len() > length {
			let half = points.len() / 2;
			let (left, right) = points.split_at_mut(half);
			for (left, right) in left.chunks_mut(BATCH).zip(right.chunks(BATCH)) {
				add_all(left, right, &mut self.scratch);
			}
			points.truncate(half);
		}
		points
	}
}

/// `sum_i (i + 1) · point_i`.
fn weighted<C: Curve>(points: &[Affine<C::Coordinate>]) -> C::Projective {
	let mut running = C::Projective::identity();
	let mut total = C::Projective::identity();
	for point in points.iter().rev() {
		running += C::projective(point);
		total += running;
	}
	total
}

/// Buckets are counted in 32 bits to keep the lists short.
fn index(bucket: u32) -> usize {
	usize::try_from(bucket).unwrap_or(usize::MAX)
}
