//! A daemon that workers can reach, and steps that compute nothing but leave the files that real ones leave.

use std::{
	fs,
	net::SocketAddr,
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	sync::Arc,
	time::Duration,
};

use holdfast_primitives::{piece::compute_comm_d, CommR};
use holdfast_provider::{
	api,
	app::App,
	database::now,
	pipeline::Pipeline,
	tasks::{Engine, Kind, Limits},
	worker::Response,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, task::JoinHandle, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{program::write_program, test_data, Fixture, WORKER_TOKEN};

/// The steps, in the shell's own words, so that thousands of them take seconds. Each is noted in `log`; a step that
/// has a file `gate-STEP` waits until it is gone, and all take as long as `pause` says.
const STEPS: &str = r#"#!/bin/sh
read -r line
step=${line#*\"step\":\"}; step=${step%%\"*}
first() { value=${line#*\"$1\":\"}; value=${value%%\"*}; }
last() { value=${line##*\"$1\":\"}; value=${value%%\"*}; }
sector=${line#*\"sector\":}; sector=${sector%%,*}
echo "$step $sector" >> "$HOLDFAST_KEYS/log"
while [ -e "$HOLDFAST_KEYS/gate-$step" ]; do sleep 0.02; done
[ -e "$HOLDFAST_KEYS/pause" ] && read -r pause < "$HOLDFAST_KEYS/pause" && sleep "$pause"
seal() {
	$1 sealed; printf '%2048s' '' > "$value"
	$1 cache; printf a > "$value/p_aux"; printf b > "$value/t_aux"; printf c > "$value/sc-02-data-tree-r-last.dat"
}
case $step in
add-pieces) first unsealed; printf data > "$value";;
pre-commit-1) seal first;;
pre-commit-1-pair) seal first; seal last;;
commit-1) first work; mkdir -p "$value"; printf vanilla > "$value/vanilla";;
commit-2) first work; [ -e "$value/vanilla" ] || { echo '{"result":"failed","message":"no vanilla proof"}'; exit 1; };;
esac
read -r answer < "$HOLDFAST_KEYS/$step.json"
echo "$answer"
"#;

/// What a gate is called that a step waits at.
pub fn gate(fixture: &Fixture, step: &str) -> PathBuf {
	fixture.keys().join(format!("gate-{step}"))
}

/// The steps that were begun, with their sectors.
pub fn log(fixture: &Fixture) -> Vec<String> {
	let text = fs::read_to_string(fixture.keys().join("log")).unwrap_or_default();
	text.lines().map(str::to_owned).collect()
}

/// The program that does the fake steps. All sectors have the piece of `test_data(2000, 1)`.
pub fn fake_steps(fixture: &Fixture) -> PathBuf {
	let path = fixture.keys().join("steps");
	write_program(&path, STEPS);
	let answer = |step: &str, response: &Response| {
		let mut bytes = serde_json::to_vec(response).unwrap();
		bytes.push(b'\n');
		fs::write(fixture.keys().join(format!("{step}.json")), bytes).unwrap();
	};
	for step in ["add-pieces", "pre-commit-1", "commit-1", "finalize"] {
		answer(step, &Response::Done);
	}
	let both = Response::Both {
		answers: Box::new([Response::Done, Response::Done]),
	};
	answer("pre-commit-1-pair", &both);
	let data = test_data(2000, 1);
	let sealed = Response::Sealed {
		comm_r: CommR([5; 32]),
		comm_d: compute_comm_d(fixture.chain.sector_size, &[data.piece]).unwrap(),
	};
	answer("pre-commit-2", &sealed);
	let proofs = vec!["ab".repeat(192)];
	answer("commit-2", &Response::Proofs { proofs });
	path
}

/// A running daemon: its API and its tasks.
pub struct Manager {
	pub address: SocketAddr,
	api: JoinHandle<()>,
	engine: JoinHandle<()>,
}

impl Manager {
	/// Starts it, at an address that it had before or at a new one.
	pub async fn start(app: &Arc<App>, address: Option<SocketAddr>) -> Self {
		let address = address.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
		let listener = loop {
			// The last one's connections may take a moment to go.
			match TcpListener::bind(address).await {
				Ok(listener) => break listener,
				Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
			}
		};
		let address = listener.local_addr().unwrap();
		let router = api::router(app.clone());
		let api = tokio::spawn(async move {
			// All connections end with it, as when the process is killed.
			let mut connections = JoinSet::new();
			loop {
				let (stream, _) = listener.accept().await.unwrap();
				let service = TowerToHyperService::new(router.clone());
				let connection = hyper::server::conn::http1::Builder::new()
					.serve_connection(TokioIo::new(stream), service);
				connections.spawn(connection);
				while connections.try_join_next().is_some() {}
			}
		});
		for kind in Kind::STANDING {
			app.database.queue_task(kind, "", now()).await.unwrap();
			app.database.hurry_task(kind, now()).await.unwrap();
		}
		let limits = Limits {
			heavy: app.config.sealing.parallel.try_into().unwrap(),
			light: 8,
			attempts: app.config.sealing.max_attempts,
		};
		let pipeline = Arc::new(Pipeline::new(app.clone()));
		let engine = Engine::new(
			app.database.clone(),
			pipeline,
			app.wake.clone(),
			limits,
			app.budget.clone(),
		);
		let engine = tokio::spawn(async move {
			engine.run(CancellationToken::new()).await.unwrap();
		});
		Self {
			address,
			api,
			engine,
		}
	}

	/// Ends it as `kill -9` would, as far as that is possible within one process.
	pub async fn kill(self) -> SocketAddr {
		self.api.abort();
		self.engine.abort();
		drop(self.api.await);
		drop(self.engine.await);
		self.address
	}
}

/// A worker in a process of its own, killed when it is dropped.
pub struct WorkerProcess {
	pub base: PathBuf,
	child: Child,
}

impl WorkerProcess {
	/// Starts one that works below `base`; `more` are further arguments.
	pub fn start(manager: SocketAddr, base: &Path, keys: &Path, more: &[&str]) -> Self {
		Self::start_with(manager, base, keys, more, &[])
	}

	/// With these environment variables, too.
	pub fn start_with(
		manager: SocketAddr,
		base: &Path,
		keys: &Path,
		more: &[&str],
		variables: &[(&str, &str)],
	) -> Self {
		fs::create_dir_all(base).unwrap();
		let token = base.join("token");
		fs::write(&token, WORKER_TOKEN).unwrap();
		fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
		let child = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
			.arg("worker")
			.args(["--manager", &format!("http://{manager}")])
			.arg("--token-file")
			.arg(&token)
			.arg("--base")
			.arg(base)
			.arg("--keys")
			.arg(keys)
			.args(["--min-free-bytes", "0", "--nice", "0"])
			.args(more)
			.envs(variables.iter().copied())
			.env("RUST_LOG", "warn")
			.stdin(Stdio::null())
			.spawn()
			.unwrap();
		Self {
			base: base.to_owned(),
			child,
		}
	}

	/// Whether it has ended by itself.
	pub fn has_ended(&mut self) -> bool {
		self.child.try_wait().unwrap().is_some()
	}

	/// The files in its store, below its root, whatever they are of.
	pub fn files(&self) -> Vec<String> {
		files(&self.base.join("store"))
	}
}

impl Drop for WorkerProcess {
	fn drop(&mut self) {
		// SIGKILL: nothing gets to clean up.
		drop(self.child.kill());
		drop(self.child.wait());
	}
}

/// The files below a store's root, without its description.
pub fn files(root: &Path) -> Vec<String> {
	let mut found = Vec::new();
	let mut waiting = vec![root.to_owned()];
	while let Some(folder) = waiting.pop() {
		for entry in fs::read_dir(folder).into_iter().flatten() {
			let path = entry.unwrap().path();
			if path.is_dir() {
				waiting.push(path);
			} else {
				let relative = path.strip_prefix(root).unwrap();
				found.push(relative.to_str().unwrap().to_owned());
			}
		}
	}
	found.retain(|name| name != "sectorstore.json");
	found.sort();
	found
}

/// Waits until something holds; some minutes are enough for everything here, even on a busy machine.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
	for _ in 0..15_000 {
		if holds().await {
			return;
		}
		tokio::time::sleep(Duration::from_millis(20)).await;
	}
	panic!("never came: {what}");
}
