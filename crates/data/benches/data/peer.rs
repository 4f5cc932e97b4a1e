//! The comparison with `ipfs-car`.

use std::{error::Error, fs, path::Path, process::Command};

use crate::measure::Row;

const PACKAGE: &str = "ipfs-car@3.1.0";
const RUNS: usize = 3;

/// CAR packing by us and by `ipfs-car`; no row where npm is missing.
pub fn row(folder: &Path, file: &Path, bytes: f64) -> Result<Vec<Row>, Box<dyn Error>> {
	let Some(program) = install()? else {
		eprintln!("npm is not here: ipfs-car is not measured");
		return Ok(Vec::new());
	};
	let (ours, theirs) = (folder.join("ours.car"), folder.join("theirs.car"));
	let mut times = [f64::MAX; 2];
	let mut roots = [String::new(), String::new()];
	for _ in 0..RUNS {
		let mut our = Command::new(std::env::current_exe()?);
		our.env("RAYON_NUM_THREADS", "1")
			.arg("pack")
			.args([file, &ours]);
		let mut their = Command::new(&program);
		their
			.args(["pack", "--no-wrap", "--output"])
			.args([&theirs, file]);
		for (index, command) in [our, their].iter().enumerate() {
			let (time, output) = timed(command)?;
			times[index] = times[index].min(time);
			roots[index] = output.trim().to_owned();
		}
	}
	if roots[0] != roots[1] {
		return Err(format!(
			"the roots differ: ours is {}, theirs {}",
			roots[0], roots[1]
		)
		.into());
	}
	let same = fs::metadata(&ours)?.len() == fs::metadata(&theirs)?.len();
	let [ours, theirs] = times.map(|time| bytes / time / 1_048_576.0);
	let name = if same {
		"CAR pack against ipfs-car 3.1.0, processor time, equal roots"
	} else {
		"CAR pack against ipfs-car 3.1.0 (the CARs' lengths differ)"
	};
	Ok(vec![Row::new(name, ours, theirs, "MiB/s", 6.0)])
}

fn install() -> Result<Option<std::path::PathBuf>, Box<dyn Error>> {
	let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
		|| Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
		Into::into,
	);
	let folder = cache.join("holdfast/bench/ipfs-car");
	let program = folder.join("node_modules/.bin/ipfs-car");
	if program.exists() {
		return Ok(Some(program));
	}
	fs::create_dir_all(&folder)?;
	let npm = Command::new("npm")
		.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
		.args([folder.as_os_str(), PACKAGE.as_ref()])
		.status();
	Ok(npm.is_ok_and(|status| status.success()).then_some(program))
}

/// The processor time of a command in seconds, and what it prints.
fn timed(command: &Command) -> Result<(f64, String), Box<dyn Error>> {
	let mut shell = Command::new("bash");
	shell
		.args(["-c", r#"TIMEFORMAT="%U %S"; time "$@""#, "bash"])
		.arg(command.get_program())
		.args(command.get_args());
	for (name, value) in command.get_envs() {
		shell.env(name, value.unwrap_or_default());
	}
	let output = shell.output()?;
	let errors = String::from_utf8(output.stderr)?;
	if !output.status.success() {
		return Err(errors.into());
	}
	let last = errors.lines().last().unwrap_or_default();
	let times: Result<Vec<f64>, _> = last.split_whitespace().map(str::parse).collect();
	Ok((times?.iter().sum(), String::from_utf8(output.stdout)?))
}
