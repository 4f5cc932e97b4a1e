//! SHA-256 of several messages in the lanes of one vector, for any width of vector.

/// The bytes of a block.
pub type Block = [u8; 64];

/// Defines an engine in a module that says what its vector `Vector`, its number of `LANES` and its
/// operations `splat`, `load`, `store`, `add`, `xor3`, `choose`, `majority`, `rotate` and `shift` are. The
/// attributes, if any, name the processor's features, and are put before every function.
macro_rules! lane_engine {
	($(#[$feature:meta])*) => {
		/// The message's word for each lane.
		type Words = [Vector; 16];
		/// One state for each lane.
		type State = [Vector; 8];

		$(#[$feature])*
		#[inline]
		fn words(blocks: [&Block; LANES]) -> Words {
			let mut words = [[0u32; LANES]; 16];
			for (lane, block) in blocks.iter().enumerate() {
				for (row, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
					row[lane] = u32::from_be_bytes(*bytes);
				}
			}
			[
				load(&words[0]), load(&words[1]), load(&words[2]), load(&words[3]),
				load(&words[4]), load(&words[5]), load(&words[6]), load(&words[7]),
				load(&words[8]), load(&words[9]), load(&words[10]), load(&words[11]),
				load(&words[12]), load(&words[13]), load(&words[14]), load(&words[15]),
			]
		}

		/// Sixteen rounds with these words, to which the constants are added already.
		$(#[$feature])*
		#[inline]
		fn sixteen_rounds(state: &mut State, words: &Words) {
			let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
			for word in words {
				let sum1 = xor3(rotate::<6>(e), rotate::<11>(e), rotate::<25>(e));
				let first = add(add(add(h, *word), choose(e, f, g)), sum1);
				let sum0 = xor3(rotate::<2>(a), rotate::<13>(a), rotate::<22>(a));
				let second = add(sum0, majority(a, b, c));
				(h, g, f, e) = (g, f, e, add(d, first));
				(d, c, b, a) = (c, b, a, add(first, second));
			}
			*state = [a, b, c, d, e, f, g, h];
		}

		/// The sixteen words after these.
		$(#[$feature])*
		#[inline]
		fn expand(words: &mut Words) {
			for index in 0..16 {
				let (early, late) = (words[(index + 1) % 16], words[(index + 14) % 16]);
				let sigma0 = xor3(rotate::<7>(early), rotate::<18>(early), shift::<3>(early));
				let sigma1 = xor3(rotate::<17>(late), rotate::<19>(late), shift::<10>(late));
				let sum = add(words[index], words[(index + 9) % 16]);
				words[index] = add(sum, add(sigma0, sigma1));
			}
		}

		$(#[$feature])*
		#[inline]
		fn with_constants(words: &Words, constants: &[u32; 16]) -> Words {
			let mut sums = *words;
			for (sum, constant) in sums.iter_mut().zip(constants) {
				*sum = add(*sum, splat(*constant));
			}
			sums
		}

		$(#[$feature])*
		#[inline]
		fn add_states(state: &mut State, other: &State) {
			for (word, other) in state.iter_mut().zip(other) {
				*word = add(*word, *other);
			}
		}

		/// Takes a block of each lane into the state.
		$(#[$feature])*
		#[inline]
		fn message_block(state: &mut State, mut words: Words) {
			let before = *state;
			let (constants, _) = K.as_chunks::<16>();
			sixteen_rounds(state, &with_constants(&words, &constants[0]));
			for constants in &constants[1..] {
				expand(&mut words);
				sixteen_rounds(state, &with_constants(&words, constants));
			}
			add_states(state, &before);
		}

		/// Takes the block after a message of 64 bytes into the state.
		$(#[$feature])*
		#[inline]
		fn padding_block(state: &mut State) {
			let before = *state;
			for constants in PADDING_ROUNDS.as_chunks::<16>().0 {
				let mut words = [splat(0); 16];
				for (word, constant) in words.iter_mut().zip(constants) {
					*word = splat(*constant);
				}
				sixteen_rounds(state, &words);
			}
			add_states(state, &before);
		}

		$(#[$feature])*
		#[inline]
		fn initial() -> State {
			let [a, b, c, d, e, f, g, h] = INITIAL;
			[splat(a), splat(b), splat(c), splat(d), splat(e), splat(f), splat(g), splat(h)]
		}

		$(#[$feature])*
		#[inline]
		fn rows(state: &State) -> [[u32; LANES]; 8] {
			let mut rows = [[0; LANES]; 8];
			for (row, vector) in rows.iter_mut().zip(state) {
				*row = store(*vector);
			}
			rows
		}

		/// The hashes of as many messages of 64 bytes as there are lanes.
		$(#[$feature])*
		fn hash_pairs(pairs: [&Block; LANES], hashes: &mut [Digest; LANES]) {
			let mut state = initial();
			message_block(&mut state, words(pairs));
			padding_block(&mut state);
			for (word, row) in rows(&state).iter().enumerate() {
				for (hash, value) in hashes.iter_mut().zip(row) {
					hash.as_chunks_mut::<4>().0[word] = value.to_be_bytes();
				}
			}
		}

		/// Takes blocks of each lane into its state; all lanes have equally many.
		$(#[$feature])*
		fn compress_lanes(states: &mut [[u32; 8]; LANES], blocks: &[&[Block]; LANES]) {
			let mut state = initial();
			for (word, vector) in state.iter_mut().enumerate() {
				*vector = load(&std::array::from_fn(|lane| states[lane][word]));
			}
			let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
			for index in 0..count {
				let words = words(std::array::from_fn(|lane| &blocks[lane][index]));
				message_block(&mut state, words);
			}
			let rows = rows(&state);
			for (lane, state) in states.iter_mut().enumerate() {
				*state = std::array::from_fn(|word| rows[word][lane]);
			}
		}
	};
}
pub(super) use lane_engine;
