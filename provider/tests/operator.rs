//! The operator's side of the API: who may see it, that its description is true, and that what the alert rules
//! ask for is exported.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use axum::{
	body::{to_bytes, Body},
	http::{header, Method, Request, StatusCode},
	Router,
};
use common::{accepted, test_data, unreachable_node, Fixture, TOKEN};
use holdfast_chain_client::{DeadlineLoad, Partition};
use holdfast_provider::{
	api::{self, OPENAPI},
	database::{now, DealState},
	doctor::{examine_chain, Report, Verdict},
	monitor::{Severity, Topic},
	tasks::{About, Kind},
	watch,
};
use serde_json::Value;
use tower::ServiceExt;

struct Api {
	fixture: Fixture,
	router: Router,
}

impl Api {
	async fn new() -> Self {
		let fixture = Fixture::new().await;
		let router = api::router(fixture.app.clone());
		Self { fixture, router }
	}

	async fn ask(&self, method: Method, uri: &str, token: Option<&str>) -> (StatusCode, Vec<u8>) {
		let mut request = Request::builder().method(method).uri(uri);
		if let Some(token) = token {
			request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
		}
		let request = request.body(Body::empty()).unwrap();
		let response = self.router.clone().oneshot(request).await.unwrap();
		let status = response.status();
		let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
		(status, body.to_vec())
	}

	async fn get(&self, uri: &str) -> Value {
		let (status, body) = self.ask(Method::GET, uri, Some(TOKEN)).await;
		assert_eq!(status, 200, "{uri}: {}", String::from_utf8_lossy(&body));
		serde_json::from_slice(&body).unwrap()
	}

	async fn metrics(&self) -> String {
		let (status, body) = self.ask(Method::GET, "/metrics", Some(TOKEN)).await;
		assert_eq!(status, 200);
		String::from_utf8(body).unwrap()
	}

	/// Sectors in deadline 1, so many of them faulty.
	fn with_sectors(&self, live: u32, faulty: usize) {
		self.fixture.chain.with(|state| {
			let sectors: Vec<_> = (0..u64::from(live)).collect();
			state.partition = Some(Partition {
				last_proof: 0,
				faulty: sectors[..faulty].to_vec(),
				sectors,
				recovering: Vec::new(),
				terminated: Vec::new(),
			});
			state.provider.as_mut().unwrap().deadlines[1] = DeadlineLoad {
				partitions: 1,
				live_sectors: live,
			};
		});
	}
}

fn document() -> Value {
	serde_json::from_str(OPENAPI).unwrap()
}

#[tokio::test]
async fn the_operators_pages_need_the_token() {
	let api = Api::new().await;
	let document = document();
	let mut protected = 0;
	for (path, methods) in document["paths"].as_object().unwrap() {
		if methods["get"]["security"][0]["operator"].is_null() {
			continue;
		}
		protected += 1;
		for token in [None, Some(""), Some("wrong"), Some(&TOKEN[1..])] {
			let (status, _) = api.ask(Method::GET, path, token).await;
			assert_eq!(status, 401, "{path} {token:?}");
		}
		assert_eq!(
			api.ask(Method::GET, path, Some(TOKEN)).await.0,
			200,
			"{path}"
		);
	}
	assert_eq!(protected, 5);
}

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
	let api = Api::new().await;
	let document = document();
	let described: BTreeSet<(String, String)> = document["paths"]
		.as_object()
		.unwrap()
		.iter()
		.flat_map(|(path, methods)| {
			let methods = methods.as_object().unwrap().keys();
			methods.map(|method| (path.replace("{path}", "{*path}"), method.clone()))
		})
		.collect();
	// What the router is built of, from its source: `.route("path", method(…))`.
	let source = include_str!("../src/api/mod.rs");
	let routes: BTreeSet<(String, String)> = source
		.split(".route(")
		.skip(1)
		.map(|route| {
			let route = route.trim_start().strip_prefix('"').unwrap();
			let (path, rest) = route.split_once('"').unwrap();
			let method: String = rest
				.chars()
				.skip_while(|letter| !letter.is_ascii_lowercase())
				.take_while(char::is_ascii_lowercase)
				.collect();
			(path.to_owned(), method)
		})
		.collect();
	assert_eq!(routes, described);
	for (path, method) in &described {
		let uri = path
			.replace("{*path}", "x")
			.replace("{cid}", "bafkqaaa")
			.replace("{piece}", &"00".repeat(32))
			.replace("{id}", "none");
		let method = method.to_uppercase().parse().unwrap();
		let (status, body) = api.ask(method, &uri, Some(TOKEN)).await;
		let text = String::from_utf8_lossy(&body);
		assert_ne!(status, 405, "{uri}");
		assert!(!text.contains("nothing at this path\"") || path.contains("{*path}"));
		let operation = &document["paths"][path.replace("{*path}", "{path}")];
		let operation = operation.as_object().unwrap().values().next().unwrap();
		let responses = operation["responses"].as_object().unwrap();
		let known = responses.contains_key(status.as_str());
		assert!(
			known,
			"{path} answers {status}, which is not described: {text}"
		);
	}
}

/// Compares a value with its description: no field more, no required one less, and the types.
fn compare(value: &Value, schema: &Value, document: &Value, place: &str) {
	if let Some(reference) = schema["$ref"].as_str() {
		let pointer = reference.trim_start_matches('#');
		let schema = document.pointer(pointer).unwrap();
		return compare(value, schema, document, place);
	}
	if let Some(choices) = schema["oneOf"].as_array() {
		let choice = choices
			.iter()
			.find(|choice| (choice["type"] == "null") == value.is_null());
		return compare(value, choice.unwrap(), document, place);
	}
	let types: Vec<&str> = match &schema["type"] {
		Value::String(one) => vec![one],
		Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
		other => panic!("{place}: {other}"),
	};
	let found = match value {
		Value::Null => "null",
		Value::Bool(_) => "boolean",
		Value::Number(_) => "integer",
		Value::String(_) => "string",
		Value::Array(_) => "array",
		Value::Object(_) => "object",
	};
	assert!(types.contains(&found), "{place} is {value}, not {types:?}");
	if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
		for item in items {
			compare(item, schema, document, &format!("{place}[]"));
		}
	}
	if let (Value::Object(fields), Some(known)) = (value, schema["properties"].as_object()) {
		for (name, field) in fields {
			let schema = known
				.get(name)
				.unwrap_or_else(|| panic!("{place}.{name} is not described"));
			compare(field, schema, document, &format!("{place}.{name}"));
		}
		for name in schema["required"].as_array().unwrap() {
			assert!(
				fields.contains_key(name.as_str().unwrap()),
				"{place}: {name}"
			);
		}
	}
}

#[tokio::test]
async fn the_answers_are_as_described() {
	let api = Api::new().await;
	let data = test_data(1000, 1);
	let id = accepted(&api.fixture, &data, 1).await;
	let database = &api.fixture.app.database;
	database.queue_task(Kind::Publish, "", now()).await.unwrap();
	api.with_sectors(3, 1);
	watch::look(&api.fixture.app).await.unwrap();
	let document = document();
	for (uri, schema) in [
		("/v1/info", "Info"),
		("/v1/status", "Status"),
		(&format!("/v1/deals/{id}"), "Deal"),
		("/v1/operator/overview", "Overview"),
		("/v1/deals/none", "Error"),
	] {
		let (_, body) = api.ask(Method::GET, uri, Some(TOKEN)).await;
		let value = serde_json::from_slice(&body).unwrap();
		let schema = &document["components"]["schemas"][schema];
		compare(&value, schema, &document, uri);
	}
	for list in ["sectors", "deals", "tasks"] {
		let uri = format!("/v1/operator/{list}");
		let value = api.get(&uri).await;
		let content = &document["paths"][&uri]["get"]["responses"]["200"]["content"];
		compare(
			&value,
			&content["application/json"]["schema"],
			&document,
			list,
		);
	}
}

#[tokio::test]
async fn lists_are_filtered() {
	let api = Api::new().await;
	for nonce in 0..3u8 {
		accepted(&api.fixture, &test_data(500, nonce), nonce.into()).await;
	}
	let database = &api.fixture.app.database;
	let deals = database.deals_in(DealState::Accepted).await.unwrap();
	let one = [deals[0].id.clone()];
	let event = holdfast_provider::database::DealEvent {
		state: DealState::Publishing,
		at: 1,
		block: None,
		extrinsic: None,
	};
	database
		.move_deal(&one[0], DealState::Accepted, &event)
		.await
		.unwrap();
	database.deal_published(&one[0], 5, &event).await.unwrap();
	let sector = database.create_sector(&one, 0, 1).await.unwrap().unwrap();
	let count = |value: &Value, list: &str| value[list].as_array().unwrap().len();
	for (uri, list, expected) in [
		("/v1/operator/deals", "deals", 3),
		("/v1/operator/deals?limit=2", "deals", 2),
		("/v1/operator/deals?state=accepted", "deals", 2),
		(&format!("/v1/operator/deals?sector={sector}"), "deals", 1),
		("/v1/operator/sectors?state=adding-piece", "sectors", 1),
		("/v1/operator/sectors?state=active", "sectors", 0),
		("/v1/operator/tasks?kind=none", "tasks", 0),
	] {
		assert_eq!(count(&api.get(uri).await, list), expected, "{uri}");
	}
	for bad in [
		"/v1/operator/deals?state=odd",
		"/v1/operator/sectors?state=odd",
		"/v1/operator/sectors?stat=active",
		"/v1/operator/deals?limit=-1",
	] {
		assert_eq!(api.ask(Method::GET, bad, Some(TOKEN)).await.0, 400, "{bad}");
	}
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
	text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
		.filter(|word| word.starts_with("holdfast_"))
		.map(str::to_owned)
		.collect()
}

#[tokio::test]
async fn every_metric_of_the_alert_rules_is_exported() {
	let api = Api::new().await;
	api.with_sectors(3, 1);
	// Money that shrinks, so that the runway is known.
	watch::look(&api.fixture.app).await.unwrap();
	api.fixture.chain.with(|state| {
		state.block += 50;
		for balance in state.balances.values_mut() {
			balance.free /= 2;
		}
	});
	watch::look(&api.fixture.app).await.unwrap();
	let database = &api.fixture.app.database;
	database.queue_task(Kind::Publish, "", now()).await.unwrap();
	let about = About {
		resources: api.fixture.app.budget.all(),
		..About::default()
	};
	let lease = std::time::Duration::from_secs(30);
	database
		.hear_worker("far", "session", &about, &[], lease, now())
		.await
		.unwrap();
	api.get("/v1/info").await;
	let text = api.metrics().await;
	let exported: BTreeSet<_> = text
		.lines()
		.filter(|line| !line.starts_with('#'))
		.flat_map(names)
		.collect();
	let rules = include_str!("../../deploy/prometheus/provider-alerts.yml");
	let asked: BTreeSet<_> = rules
		.lines()
		.filter(|line| !line.trim_start().starts_with('#'))
		.flat_map(names)
		.collect();
	assert!(asked.len() > 10);
	let absent: Vec<_> = asked.difference(&exported).collect();
	assert!(absent.is_empty(), "{absent:?}");
	// What is compared with a label's value has such a value.
	for (label, value) in rules
		.split('{')
		.skip(1)
		.filter_map(|part| part.split_once('}'))
		.filter_map(|(labels, _)| labels.split_once("=\""))
		.map(|(label, value)| (label, value.trim_end_matches('"')))
	{
		if label != "state" || value != "failed" {
			assert!(
				text.contains(&format!("{label}=\"{value}\"")),
				"{label} {value}"
			);
		}
	}
	for line in [
		"holdfast_chain_block 150",
		"holdfast_deadline_faulty_sectors{deadline=\"1\"} 1",
		"holdfast_deadline_live_sectors{deadline=\"1\"} 3",
		"holdfast_tasks{kind=\"publish\",state=\"queued\"} 1",
		"holdfast_sectors{state=\"active\"} 0",
		"holdfast_http_answers_total{status=\"200\"} 1",
		"holdfast_alerts{topic=\"sectors-faulty\"} 1",
		// Row 78: what there is of every resource, and what of it is in use.
		"holdfast_machine_resources_used{machine=\"daemon\",resource=\"memory_bytes\"} 0",
		"holdfast_machine_resources_used{machine=\"far\",resource=\"memory_bytes\"} 1099511627776",
		"holdfast_worker_tasks{worker=\"far\"} 0",
	] {
		assert!(text.lines().any(|found| found == line), "{line}\n{text}");
	}
}

fn topics(api: &Api) -> Vec<(Topic, Severity)> {
	let alerts = api.fixture.app.monitor.alerts();
	alerts
		.iter()
		.map(|alert| (alert.topic, alert.severity))
		.collect()
}

#[tokio::test]
async fn trouble_is_told_as_long_as_it_stands() {
	let api = Api::new().await;
	let app = &api.fixture.app;
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), []);
	api.fixture.chain.with(|state| state.silent = true);
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), [(Topic::ChainSilent, Severity::Critical)]);
	let shown = api.get("/v1/operator/overview").await;
	assert_eq!(shown["alerts"][0]["topic"], "chain-silent");
	assert_eq!(shown["chain"]["error"], unreachable_node().to_string());
	api.fixture.chain.with(|state| {
		state.silent = false;
		state.timestamp -= 120_000;
	});
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), [(Topic::ChainLag, Severity::Warning)]);
	api.fixture.chain.with(|state| state.timestamp += 240_000);
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), [(Topic::ChainLag, Severity::Warning)]);
	api.fixture.chain.with(|state| state.timestamp -= 120_000);
	api.with_sectors(4, 2);
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), [(Topic::SectorsFaulty, Severity::Critical)]);
	let shown = api.get("/v1/operator/overview").await;
	let deadline = &shown["deadlines"][0];
	assert_eq!(
		(&deadline["faulty"], &deadline["liveSectors"]),
		(&2.into(), &4.into())
	);
	assert_ne!(shown["predictedPenalty"], "0");
	api.with_sectors(4, 0);
	api.fixture.chain.with(|state| {
		for balance in state.balances.values_mut() {
			balance.free = 0;
		}
	});
	watch::look(app).await.unwrap();
	assert_eq!(topics(&api), [(Topic::BalanceLow, Severity::Critical)]);
}

async fn examined(api: &Api) -> Report {
	let app = &api.fixture.app;
	let mut report = Report::default();
	examine_chain(&app.config, &app.database, &*app.chain, &mut report)
		.await
		.unwrap();
	report
}

fn verdict(report: &Report, name: &str) -> (Verdict, String) {
	let check = report.checks.iter().find(|check| check.name == name);
	let check = check.unwrap_or_else(|| panic!("{name}: {report:?}"));
	(check.verdict, check.text.clone())
}

#[tokio::test]
async fn the_doctor_finds_what_the_chain_knows() {
	let api = Api::new().await;
	let report = examined(&api).await;
	assert_eq!(report.verdict(), Verdict::Good, "{report:?}");
	// The devnet's deadline 1 is open in 20 blocks of 60; block 100 is its last third.
	api.with_sectors(4, 1);
	api.fixture.chain.with(|state| state.block = 95);
	let report = examined(&api).await;
	assert_eq!(verdict(&report, "predicted penalty").0, Verdict::Failure);
	let (late, text) = verdict(&report, "next deadlines");
	assert_eq!(late, Verdict::Warning);
	assert!(text.contains("is open until block 100"), "{text}");
	api.fixture.chain.with(|state| {
		state.provider.as_mut().unwrap().sector_size = holdfast_primitives::SectorSize::GiB32;
		state.timestamp -= 400_000;
	});
	let report = examined(&api).await;
	assert_eq!(verdict(&report, "sector size").0, Verdict::Failure);
	assert_eq!(verdict(&report, "clock and chain lag").0, Verdict::Failure);
	api.fixture.chain.with(|state| state.silent = true);
	let report = examined(&api).await;
	assert_eq!(verdict(&report, "chain").0, Verdict::Failure);
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
	let api = Api::new().await;
	for (uri, content_type) in [
		("/", "text/html; charset=utf-8"),
		("/page.css", "text/css; charset=utf-8"),
		("/page.js", "text/javascript; charset=utf-8"),
	] {
		let request = Request::get(uri).body(Body::empty()).unwrap();
		let response = api.router.clone().oneshot(request).await.unwrap();
		assert_eq!(response.status(), 200);
		assert_eq!(response.headers()["content-type"], content_type);
		let policy = response.headers()["content-security-policy"]
			.to_str()
			.unwrap();
		assert!(policy.starts_with("default-src 'none'"));
		let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
		let text = String::from_utf8(body.to_vec()).unwrap();
		for forbidden in ["http://", "https://", "innerHTML", "eval("] {
			assert!(!text.contains(forbidden), "{uri} has {forbidden}");
		}
	}
}

/// Every field that the page's script reads is one that the API has.
#[test]
fn the_page_reads_what_the_api_has() {
	let document = document();
	let script = include_str!("../src/api/page/page.js");
	let schemas = &document["components"]["schemas"];
	for (variable, schema) in [
		("view", "Overview"),
		("deadline", "Deadline"),
		("disk", "Disk"),
		("post", "Post"),
		("alert", "Alert"),
		("refusal", "Refusal"),
	] {
		let known = schemas[schema]["properties"].as_object().unwrap();
		let needle = format!("{variable}.");
		let mut found = 0;
		for (position, _) in script.match_indices(&needle) {
			let before = script[..position].chars().next_back();
			if before.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '.') {
				continue;
			}
			let field: String = script[position + needle.len()..]
				.chars()
				.take_while(char::is_ascii_alphanumeric)
				.collect();
			// The end of a sentence.
			if field.is_empty() {
				continue;
			}
			assert!(known.contains_key(&field), "{variable}.{field}");
			found += 1;
		}
		assert!(found > 0, "{variable}");
	}
}
