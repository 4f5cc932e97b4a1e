//! A provider's HTTP API, version 1, seen from the client.

use std::time::Duration;

use cid::Cid;
use holdfast_chain_client::AccountId;
use holdfast_primitives::{BlockNumber, CommP, DealId, Digest, SectorNumber, SectorSize};
use reqwest::{header, Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How long a provider may take to answer, bodies apart.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Why a request to a provider failed.
#[derive(Debug, Error)]
pub enum ApiError {
	/// There was no answer.
	#[error("cannot reach the provider at {url}: is it running, and is the address right?")]
	Unreachable {
		/// Whom.
		url: String,
		/// What went wrong.
		#[source]
		source: reqwest::Error,
	},
	/// The connection broke.
	#[error("the connection to the provider at {url} broke")]
	Interrupted {
		/// Whom.
		url: String,
	},
	/// The provider said no.
	#[error("the provider refused: {message} ({code})")]
	Refused {
		/// The HTTP status.
		status: u16,
		/// The provider's short name of the reason.
		code: String,
		/// The reason.
		message: String,
	},
	/// The upload has to go on elsewhere.
	#[error("the provider expects the upload to go on at byte {received}")]
	Offset {
		/// What it has.
		received: u64,
	},
	/// The answer makes no sense.
	#[error("the provider at {url} answered with something that is not understood")]
	Answer {
		/// Who.
		url: String,
		/// Why it is not understood.
		#[source]
		source: reqwest::Error,
	},
}

impl ApiError {
	/// Whether trying again may help.
	pub fn is_transient(&self) -> bool {
		match self {
			Self::Unreachable { .. }
			| Self::Interrupted { .. }
			| Self::Offset { .. }
			| Self::Answer { .. } => true,
			// 408: too slow; 423: our own broken request still counts as running; 429: too much.
			Self::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 423 | 429),
		}
	}
}

/// What a provider says of itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
	/// Its account.
	pub account: AccountId,
	/// The size of its sectors.
	pub sector_size: SectorSize,
	/// The chain that it is on, as hexadecimal digits.
	pub genesis_hash: String,
	/// The blocks between now and a deal's start that it needs for sealing.
	#[serde(default)]
	pub min_lead_blocks: BlockNumber,
}

/// A deal as its provider sees it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DealStatus {
	/// The provider's name for it.
	pub id: String,
	/// The stage that it is in.
	pub state: String,
	/// The bytes that arrived.
	pub received: u64,
	/// The bytes that it has.
	pub payload_bytes: u64,
	/// Its number on chain, once it is published.
	pub deal_id: Option<DealId>,
	/// The sector that holds it, once there is one.
	pub sector: Option<SectorNumber>,
	/// Why it failed.
	pub error: Option<String>,
	/// What happened so far.
	#[serde(default)]
	pub events: Vec<DealEvent>,
}

impl DealStatus {
	/// Whether the deal will never become active.
	pub fn is_lost(&self) -> bool {
		matches!(self.state.as_str(), "failed" | "expired")
	}
}

/// A step that a deal took.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DealEvent {
	/// The stage that it came to.
	pub state: String,
	/// When, in milliseconds since 1970.
	pub at: u64,
	/// The block that made it so.
	pub block: Option<BlockNumber>,
	/// The extrinsic that made it so.
	pub extrinsic: Option<String>,
}

/// An offer of a deal.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
	proposal: String,
	signature: String,
	payload_bytes: u64,
	root: String,
}

/// A deal that a provider took.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
	/// The provider's name for it.
	pub id: String,
	/// How much of its data is there already.
	pub received: u64,
	/// What to show when the data is sent.
	pub upload_token: String,
}

#[derive(Deserialize)]
struct Received {
	received: u64,
}

#[derive(Deserialize)]
struct Refusal {
	error: String,
	code: String,
	received: Option<u64>,
}

/// A client for what is at `url`. Certificates are the system's, and only looked for if they are needed.
pub(crate) fn http(url: &str) -> reqwest::ClientBuilder {
	// The first one stays, and it is always this one.
	drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
	let builder = reqwest::Client::builder();
	if url.starts_with("https:") {
		builder
	} else {
		builder.tls_certs_only([])
	}
}

/// A provider's HTTP API.
#[derive(Clone, Debug)]
pub struct ProviderApi {
	url: String,
	http: reqwest::Client,
}

impl ProviderApi {
	/// The API at `url`, such as `http://127.0.0.1:8400`.
	pub fn new(url: &str) -> Result<Self, ApiError> {
		let url = url.trim_end_matches('/').to_owned();
		let http = http(&url)
			.connect_timeout(CONNECT_LIMIT)
			.read_timeout(ANSWER_LIMIT)
			.build()
			.map_err(|source| ApiError::Unreachable {
				url: url.clone(),
				source,
			})?;
		Ok(Self { url, http })
	}

	/// The API's address.
	pub fn url(&self) -> &str {
		&self.url
	}

	/// What the provider says of itself.
	pub async fn info(&self) -> Result<Info, ApiError> {
		self.read(self.send(self.http.get(self.path("/v1/info"))).await?)
			.await
	}

	/// The provider's own status, as it writes it.
	pub async fn status(&self) -> Result<serde_json::Value, ApiError> {
		self.read(self.send(self.http.get(self.path("/v1/status"))).await?)
			.await
	}

	/// Offers a deal. Offering the same proposal again changes nothing.
	pub async fn offer(
		&self,
		proposal: &[u8],
		signature: &[u8; 64],
		payload_bytes: u64,
		root: &Cid,
	) -> Result<Accepted, ApiError> {
		let offer = Offer {
			proposal: const_hex::encode_prefixed(proposal),
			signature: const_hex::encode_prefixed(signature),
			payload_bytes,
			root: root.to_string(),
		};
		let answer = self
			.send(self.http.post(self.path("/v1/deals")).json(&offer))
			.await?;
		self.read(answer).await
	}

	/// Where a deal stands.
	pub async fn deal(&self, id: &str) -> Result<DealStatus, ApiError> {
		self.read(
			self.send(self.http.get(self.path(&format!("/v1/deals/{id}"))))
				.await?,
		)
		.await
	}

	/// Sends a part of a deal's data. Returns how much the provider has now.
	pub async fn upload(
		&self,
		deal: &Accepted,
		offset: u64,
		bytes: Vec<u8>,
	) -> Result<u64, ApiError> {
		let path = self.path(&format!("/v1/deals/{}/data", deal.id));
		let request = self
			.http
			.request(Method::PATCH, path)
			.bearer_auth(&deal.upload_token)
			.header("Upload-Offset", offset)
			.header(header::CONTENT_TYPE, "application/octet-stream")
			.body(bytes);
		let Received { received } = self.read(self.send(request).await?).await?;
		Ok(received)
	}

	/// A piece's CAR file, from byte `offset` on.
	pub async fn piece(&self, piece: &CommP, offset: u64) -> Result<Response, ApiError> {
		let mut request = self.http.get(self.path(&format!("/v1/pieces/{piece}")));
		if offset > 0 {
			request = request.header(header::RANGE, format!("bytes={offset}-"));
		}
		self.send(request).await
	}

	/// A part of a DAG as a CAR, parents first, each block at every use: what `path` names below `root`.
	pub async fn dag(&self, root: &Cid, path: &str) -> Result<Response, ApiError> {
		let encoded: Vec<String> = holdfast_data::walk::path_names(path)
			.map(|name| {
				let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
				name.bytes()
					.map(|byte| match plain(byte) {
						true => char::from(byte).to_string(),
						false => format!("%{byte:02X}"),
					})
					.collect()
			})
			.collect();
		let mut path = format!("/ipfs/{root}");
		for name in encoded {
			path.push('/');
			path.push_str(&name);
		}
		path.push_str("?format=car&dag-scope=all&car-dups=y");
		self.send(self.http.get(self.path(&path))).await
	}

	fn path(&self, path: &str) -> String {
		format!("{}{path}", self.url)
	}

	async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, ApiError> {
		let answer = request
			.send()
			.await
			.map_err(|source| ApiError::Unreachable {
				url: self.url.clone(),
				source,
			})?;
		let status = answer.status();
		if status.is_success() {
			return Ok(answer);
		}
		let text = answer.text().await.unwrap_or_default();
		let refusal = serde_json::from_str(&text).unwrap_or_else(|_| Refusal {
			error: text.chars().take(200).collect(),
			code: "unknown".into(),
			received: None,
		});
		Err(match refusal.received {
			Some(received) if status == StatusCode::CONFLICT => ApiError::Offset { received },
			_ => ApiError::Refused {
				status: status.as_u16(),
				code: refusal.code,
				message: refusal.error,
			},
		})
	}

	async fn read<T: serde::de::DeserializeOwned>(&self, answer: Response) -> Result<T, ApiError> {
		answer.json().await.map_err(|source| ApiError::Answer {
			url: self.url.clone(),
			source,
		})
	}
}

/// The chain that a provider named, if it named one.
pub fn genesis_of(info: &Info) -> Option<Digest> {
	const_hex::decode_to_array(&info.genesis_hash).ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn refused(status: u16) -> ApiError {
		ApiError::Refused {
			status,
			code: "code".into(),
			message: "message".into(),
		}
	}

	#[test]
	fn what_may_pass_is_told_from_what_will_not() {
		for status in [408, 423, 429, 500, 503, 507] {
			assert!(refused(status).is_transient(), "{status}");
		}
		for status in [400, 402, 403, 404, 409, 410, 413, 422] {
			assert!(!refused(status).is_transient(), "{status}");
		}
		assert!(ApiError::Offset { received: 5 }.is_transient());
		let broken = ApiError::Interrupted {
			url: "http://provider".into(),
		};
		assert!(broken.is_transient());
	}
}
