//! Seals two sectors with random pieces, proves them and writes the proofs as fixtures for the verifier.
//! Prints how long each phase took. The devnet keys of the size are made first if need be.
//!
//! ```text
//! cargo run --release -p holdfast-prover --example make-fixtures -- --size 8MiB --output crates/verifier/fixtures
//! ```

use std::{
	fs,
	io::Write,
	path::{Path, PathBuf},
	process::ExitCode,
	time::Instant,
};

use filecoin_proofs::{generate_piece_commitment, UnpaddedBytesAmount};
use holdfast_primitives::{
	CommP, CommR, Digest, KeyId, PaddedPieceSize, PieceInfo, ProofBytes, ProofKind, SectorNumber,
	SectorSize,
};
use holdfast_prover::{
	add_pieces, clear_sealing_cache, default_directory, generate_window_post, key_name,
	seal_commit_phase1, seal_commit_phase2, seal_pre_commit_phase1, seal_pre_commit_phase2,
	KeyStore, PoStSector, SealSubject, SectorPaths,
};
use rand_chacha::{
	rand_core::{RngCore, SeedableRng},
	ChaCha20Rng,
};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage: make-fixtures --size 2KiB|8MiB|512MiB --output DIR";

fn main() -> ExitCode {
	match run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("{error}");
			ExitCode::FAILURE
		},
	}
}

fn arguments() -> Result<(SectorSize, PathBuf), Failure> {
	let (mut size, mut output) = (None, None);
	let mut given = std::env::args().skip(1);
	while let Some(name) = given.next() {
		let value = given.next().ok_or(USAGE)?;
		match name.as_str() {
			"--size" => size = Some(value.parse()?),
			"--output" => output = Some(PathBuf::from(value)),
			_ => return Err(USAGE.into()),
		}
	}
	Ok((size.ok_or(USAGE)?, output.ok_or(USAGE)?))
}

fn run() -> Result<(), Failure> {
	let (size, output) = arguments()?;
	fs::create_dir_all(&output)?;
	let store = KeyStore::open(default_directory()?)?;
	for kind in [ProofKind::WindowPoSt, ProofKind::PoRep] {
		let key = KeyId {
			kind,
			sector_size: size,
		};
		timed(&key_name(key), || store.ensure(key, &|_| {}))?;
		fs::write(
			output.join(format!("{}.vk", key_name(key))),
			store.verifying_key(key)?,
		)?;
	}

	let mut rng = ChaCha20Rng::from_seed([42; 32]);
	let work = tempfile::tempdir()?;
	let prover_id = element(&mut rng);
	let mut sectors = Vec::new();
	for (index, number) in [7, 1 << 40].into_iter().enumerate() {
		let folder = work.path().join(index.to_string());
		fs::create_dir(&folder)?;
		let (subject, paths) = unsealed(&mut rng, size, prover_id, number, &folder)?;
		let (comm_r, seed, proofs) = seal(&mut rng, &subject, &paths)?;
		let value = json!({
			"kind": "porep",
			"key": format!("porep-{size}.vk"),
			"sectorSize": size.name(),
			"porepId": hex(&size.porep_id()),
			"proverId": hex(&subject.prover_id),
			"sectorNumber": number,
			"commD": subject.comm_d()?.to_hex(),
			"commR": comm_r.to_hex(),
			"ticket": hex(&subject.ticket),
			"seed": hex(&seed),
			"proofs": proofs.iter().map(const_hex::encode).collect::<Vec<_>>(),
		});
		write(&output, &format!("porep-{size}-{}", index + 1), &value)?;
		sectors.push(PoStSector {
			number,
			comm_r,
			cache_dir: paths.cache,
			sealed_path: paths.sealed,
		});
	}

	for (name, count) in [("padded", 1), ("full", 2)] {
		let proven = &sectors[..count];
		let randomness = element(&mut rng);
		let proof = timed(&format!("window PoSt of {count}"), || {
			generate_window_post(size, &prover_id, &randomness, proven)
		})?;
		let listed: Vec<_> = proven
			.iter()
			.map(|sector| json!({ "number": sector.number, "commR": sector.comm_r.to_hex() }))
			.collect();
		let value = json!({
			"kind": "window-post",
			"key": format!("window-post-{size}.vk"),
			"sectorSize": size.name(),
			"randomness": hex(&randomness),
			"sectors": listed,
			"proofs": [const_hex::encode(proof)],
		});
		write(&output, &format!("window-post-{size}-{name}"), &value)?;
	}
	Ok(())
}

/// An unsealed sector with four pieces: an eighth, a short sixteenth behind it, a gap, a quarter, a half.
fn unsealed(
	rng: &mut ChaCha20Rng,
	size: SectorSize,
	prover_id: Digest,
	sector: SectorNumber,
	folder: &Path,
) -> Result<(SealSubject, SectorPaths), Failure> {
	let mut pieces = Vec::new();
	for (index, part) in [8, 16, 4, 2].into_iter().enumerate() {
		let padded = PaddedPieceSize::new(size.bytes() / part).ok_or("no such piece size")?;
		let room = padded.unpadded_bytes();
		let mut bytes = vec![0; usize::try_from(room)?];
		let length = bytes.len() - index;
		rng.fill_bytes(&mut bytes[..length]);
		let path = folder.join(format!("piece-{index}"));
		fs::write(&path, &bytes[..length])?;
		let commitment = timed("CommP", || {
			generate_piece_commitment(&bytes[..], UnpaddedBytesAmount(room))
		})?
		.commitment;
		let info = PieceInfo {
			commitment: CommP(commitment),
			size: padded,
		};
		pieces.push((info, path));
	}
	let paths = SectorPaths {
		unsealed: folder.join("unsealed"),
		sealed: folder.join("sealed"),
		cache: folder.join("cache"),
	};
	let sources: Vec<_> = pieces
		.iter()
		.map(|(info, path)| (*info, path.as_path()))
		.collect();
	timed("add pieces", || add_pieces(size, &sources, &paths.unsealed))?;
	let subject = SealSubject {
		sector_size: size,
		prover_id,
		sector,
		ticket: element(rng),
		pieces: pieces.into_iter().map(|(info, _)| info).collect(),
	};
	Ok((subject, paths))
}

fn seal(
	rng: &mut ChaCha20Rng,
	subject: &SealSubject,
	paths: &SectorPaths,
) -> Result<(CommR, Digest, Vec<ProofBytes>), Failure> {
	let phase1 = timed("PC1", || seal_pre_commit_phase1(subject, paths))?;
	let (comm_r, _) = timed("PC2", || seal_pre_commit_phase2(&phase1, paths))?;
	let seed = element(rng);
	let commit = timed("C1", || seal_commit_phase1(subject, paths, comm_r, &seed))?;
	println!(
		"C1 output: {} bytes of JSON",
		serde_json::to_vec(&commit)?.len()
	);
	let proofs = timed("C2", || seal_commit_phase2(&commit))?;
	clear_sealing_cache(subject, paths)?;
	Ok((comm_r, seed, proofs))
}

/// A random canonical field element.
fn element(rng: &mut ChaCha20Rng) -> Digest {
	let mut bytes = [0; 32];
	rng.fill_bytes(&mut bytes);
	bytes[31] &= 0x3f;
	bytes
}

fn hex(bytes: &Digest) -> String {
	const_hex::encode(bytes)
}

fn write(directory: &Path, name: &str, value: &serde_json::Value) -> Result<(), Failure> {
	let mut file = fs::File::create(directory.join(format!("{name}.json")))?;
	serde_json::to_writer_pretty(&mut file, value)?;
	writeln!(file)?;
	Ok(())
}

fn timed<T, E>(name: &str, operation: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
	let (start, cpu) = (Instant::now(), cpu_seconds());
	let result = operation();
	let cpu = cpu_seconds()
		.zip(cpu)
		.map_or_else(String::new, |(after, before)| {
			format!(", {:.2} CPU-s", after - before)
		});
	println!("{name}: {:.2} s{cpu}", start.elapsed().as_secs_f64());
	result
}

/// The processor time of this process so far, where the system tells it.
fn cpu_seconds() -> Option<f64> {
	let text = fs::read_to_string("/proc/self/stat").ok()?;
	// After the name in parentheses: state, 10 more fields, then user and system time in 1/100 s.
	let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
	let user: f64 = fields.next()?.parse().ok()?;
	let system: f64 = fields.next()?.parse().ok()?;
	Some((user + system) / 100.0)
}
