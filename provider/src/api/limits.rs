//! How much clients may ask for: how often, and how many downloads at a time.

use std::{
	net::{IpAddr, Ipv6Addr},
	num::NonZeroU32,
	sync::{
		atomic::{AtomicU32, Ordering},
		Arc,
	},
};

use axum::{
	body::Body,
	extract::{Request, State},
	http::{header, HeaderValue, StatusCode},
	middleware::Next,
	response::{IntoResponse, Response},
};
use futures::StreamExt;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::{server::Peer, ApiError};

/// How many downloads there may be at a time.
const MAX_DOWNLOADS: usize = 128;
/// After so many requests, addresses that have been quiet are forgotten.
const FORGET_EVERY: u32 = 4096;

/// The limits, shared by all requests.
#[derive(Clone)]
pub struct Limits(Arc<Shared>);

struct Shared {
	rate: Option<DefaultKeyedRateLimiter<IpAddr>>,
	requests: AtomicU32,
	downloads: Arc<Semaphore>,
}

impl Limits {
	/// So many requests in a second from one address, and twice as many at once. Zero: no limit.
	pub fn new(requests_per_second: u32) -> Self {
		let rate = NonZeroU32::new(requests_per_second).map(|rate| {
			let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(1));
			RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst))
		});
		Self(Arc::new(Shared {
			rate,
			requests: AtomicU32::new(0),
			downloads: Arc::new(Semaphore::new(MAX_DOWNLOADS)),
		}))
	}

	fn allows(&self, peer: IpAddr) -> bool {
		let Some(rate) = &self.0.rate else {
			return true;
		};
		let before = self.0.requests.fetch_add(1, Ordering::Relaxed);
		if before.is_multiple_of(FORGET_EVERY) {
			rate.retain_recent();
			rate.shrink_to_fit();
		}
		rate.check_key(&network(peer)).is_ok()
	}
}

/// Whom an address stands for: whoever has one of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
	match address {
		IpAddr::V4(_) => address,
		IpAddr::V6(six) => match six.to_ipv4_mapped() {
			Some(four) => IpAddr::V4(four),
			None => {
				let [a, b, c, d, ..] = six.segments();
				IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
			},
		},
	}
}

/// Refuses requests from an address that sends too many.
pub async fn rate(State(limits): State<Limits>, request: Request, next: Next) -> Response {
	match request.extensions().get::<Peer>() {
		Some(Peer(address)) if !limits.allows(*address) => later(ApiError::new(
			StatusCode::TOO_MANY_REQUESTS,
			"too-many-requests",
			"there are too many requests from this address: try again later",
		)),
		_ => next.run(request).await,
	}
}

/// Refuses downloads beyond what can be served at a time. One counts until its last byte is taken.
pub async fn downloads(State(limits): State<Limits>, request: Request, next: Next) -> Response {
	let Ok(permit) = limits.0.downloads.clone().try_acquire_owned() else {
		return later(ApiError::new(
			StatusCode::SERVICE_UNAVAILABLE,
			"too-many-downloads",
			"the provider is serving as many downloads as it can: try again later",
		));
	};
	let response = next.run(request).await;
	response.map(|body| {
		Body::from_stream(body.into_data_stream().map(move |chunk| {
			let _held = &permit;
			chunk
		}))
	})
}

fn later(error: ApiError) -> Response {
	let mut response = error.into_response();
	response
		.headers_mut()
		.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
	response
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn one_address_does_not_take_anothers_share() {
		let limits = Limits::new(5);
		let [first, second]: [IpAddr; 2] =
			["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
		let allowed = (0..100).filter(|_| limits.allows(first)).count();
		assert!((10..20).contains(&allowed), "{allowed}");
		assert!(limits.allows(second));
		let unlimited = Limits::new(0);
		assert!((0..1000).all(|_| unlimited.allows(first)));
	}

	#[test]
	fn a_network_of_ipv6_counts_as_one() {
		let network = |text: &str| network(text.parse().unwrap());
		assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2"));
		assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
		assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
	}
}
