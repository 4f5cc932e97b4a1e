//! A worker's requests to the daemon.

use std::{
	path::{Path, PathBuf},
	time::Duration,
};

use reqwest::{header, Certificate, ClientBuilder, Response, StatusCode, Url};
use serde::{de::DeserializeOwned, Serialize};
use tokio_rustls::rustls::crypto::ring;

use super::protocol::{
	Asked, Claim, Claimed, Giving, Heard, Hello, Manifest, Missing, Poll, Returned, Wanted,
};

/// How long the daemon may take to answer; it keeps questions for questions open for a while.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long the daemon may read files whose digests it is asked for.
const READING: Duration = Duration::from_secs(3600);
/// How long a download may stand still.
const STILL: Duration = Duration::from_secs(60);

/// The daemon, as a worker sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
	http: reqwest::Client,
	/// For answers that take long to begin.
	patient: reqwest::Client,
	base: String,
	token: String,
}

/// Why the daemon did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
	/// It cannot be reached, or the connection broke.
	#[error("the daemon cannot be reached: {0}")]
	Unreachable(#[from] reqwest::Error),
	/// What was told as its address is none.
	#[error("the daemon's address is not usable: {0}")]
	Address(String),
	/// The file with the certificates to trust cannot be used.
	#[error("cannot read certificates in {}: {reason}", path.display())]
	Authorities {
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
	/// The token is not its token.
	#[error("the daemon does not know the token: use its worker.token")]
	Token,
	/// It says no.
	#[error("the daemon answers {status}: {text}")]
	Refused {
		/// The status.
		status: StatusCode,
		/// What it says.
		text: String,
	},
}

impl Client {
	/// The daemon at that address, with the workers' token. What the system trusts is trusted.
	pub fn new(manager: &str, token: &str) -> Result<Self, ClientError> {
		Self::trusting(manager, token, None)
	}

	/// The same, but with `authorities` nothing is trusted except the certificates in that file.
	pub fn trusting(
		manager: &str,
		token: &str,
		authorities: Option<&Path>,
	) -> Result<Self, ClientError> {
		let authorities = match authorities {
			Some(path) => Some(read_authorities(path)?),
			// Who does not encrypt needs no certificates, and a small machine has none.
			None if !manager.starts_with("https:") => Some(Vec::new()),
			None => None,
		};
		Ok(Self {
			http: builder(authorities.as_deref())
				.read_timeout(STILL)
				.build()?,
			patient: builder(authorities.as_deref()).timeout(READING).build()?,
			base: manager.trim_end_matches('/').to_owned(),
			token: token.to_owned(),
		})
	}

	/// Shows that the worker lives.
	pub async fn hello(&self, hello: &Hello) -> Result<Heard, ClientError> {
		self.post("hello", hello).await
	}

	/// Asks for a task.
	pub async fn claim(&self, claim: &Claim) -> Result<Claimed, ClientError> {
		self.post("claim", claim).await
	}

	/// Waits for questions.
	pub async fn asks(&self, poll: &Poll) -> Result<Asked, ClientError> {
		self.post("asks", poll).await
	}

	/// Returns a task. `false` if it is not the worker's any more.
	pub async fn take_back(&self, id: i64, returned: &Returned) -> Result<bool, ClientError> {
		let url = format!("{}/v1/worker/tasks/{id}", self.base);
		let request = self.http.post(url).json(returned).timeout(TIMEOUT);
		let response = request.bearer_auth(&self.token).send().await?;
		if response.status() == StatusCode::GONE {
			return Ok(false);
		}
		accepted(response).await.map(|_| true)
	}

	/// The files below a name. The daemon reads all of them for that. `None` if there are none.
	pub async fn manifest(&self, kind: &str, name: &str) -> Result<Option<Manifest>, ClientError> {
		let url = format!("{}/v1/worker/files/{kind}/{name}", self.base);
		let request = self.patient.get(url).bearer_auth(&self.token);
		let response = request.send().await?;
		if response.status() == StatusCode::NOT_FOUND {
			return Ok(None);
		}
		Ok(Some(accepted(response).await?.json().await?))
	}

	/// Says what the worker has of a sector that it gives. The daemon reads what it has of it for that. `None` if the
	/// task is not the worker's any more.
	pub async fn give(&self, id: i64, giving: &Giving) -> Result<Option<Wanted>, ClientError> {
		let url = format!("{}/v1/worker/tasks/{id}/files", self.base);
		let request = self.patient.post(url).json(giving).bearer_auth(&self.token);
		let response = request.send().await?;
		if response.status() == StatusCode::GONE {
			return Ok(None);
		}
		Ok(Some(accepted(response).await?.json().await?))
	}

	/// Sends the next bytes of a file that the worker gives.
	pub async fn send(
		&self,
		id: i64,
		name: &str,
		part: &Missing,
		bytes: Vec<u8>,
	) -> Result<(), ClientError> {
		let url = format!("{}/v1/worker/tasks/{id}/files", self.base);
		let from = part.from.to_string();
		let query = [
			("name", name),
			("kind", part.kind.name()),
			("path", &part.path),
			("from", &from),
		];
		let url = Url::parse_with_params(&url, query)
			.map_err(|error| ClientError::Address(error.to_string()))?;
		let request = self.http.patch(url).body(bytes).timeout(TIMEOUT);
		let response = request.bearer_auth(&self.token).send().await?;
		accepted(response).await.map(|_| ())
	}

	/// The content of a file from a byte on.
	pub async fn content(
		&self,
		kind: &str,
		name: &str,
		path: &str,
		from: u64,
	) -> Result<Response, ClientError> {
		let url = format!("{}/v1/worker/files/{kind}/{name}/content", self.base);
		let url = Url::parse_with_params(&url, [("path", path)])
			.map_err(|error| ClientError::Address(error.to_string()))?;
		let request = self
			.http
			.get(url)
			.header(header::RANGE, format!("bytes={from}-"));
		let response = request.bearer_auth(&self.token).send().await?;
		accepted(response).await
	}

	async fn post<T: DeserializeOwned>(
		&self,
		what: &str,
		body: &impl Serialize,
	) -> Result<T, ClientError> {
		let url = format!("{}/v1/worker/{what}", self.base);
		let request = self.http.post(url).json(body).timeout(TIMEOUT);
		let response = request.bearer_auth(&self.token).send().await?;
		Ok(accepted(response).await?.json().await?)
	}
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, ClientError> {
	let unusable = |reason: String| ClientError::Authorities {
		path: path.to_owned(),
		reason,
	};
	let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
	let found = Certificate::from_pem_bundle(&text).map_err(|error| unusable(error.to_string()))?;
	if found.is_empty() {
		return Err(unusable("there is none".into()));
	}
	Ok(found)
}

/// A client that trusts these certificates only, or the system's.
fn builder(authorities: Option<&[Certificate]>) -> ClientBuilder {
	// The first one stays, and it is always this one.
	drop(ring::default_provider().install_default());
	let builder = reqwest::Client::builder();
	match authorities {
		Some(only) => builder.tls_certs_only(only.iter().cloned()),
		None => builder,
	}
}

async fn accepted(response: Response) -> Result<Response, ClientError> {
	let status = response.status();
	if status.is_success() {
		return Ok(response);
	}
	if status == StatusCode::UNAUTHORIZED {
		return Err(ClientError::Token);
	}
	let text = response.text().await.unwrap_or_default();
	Err(ClientError::Refused { status, text })
}
