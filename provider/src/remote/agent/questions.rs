//! What a window PoSt needs of a worker's sectors.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::warn;

use super::{lock, Agent, PAUSE};
use crate::{
	remote::protocol::{Answer, Ask, Poll, Question},
	tasks::TaskError,
	worker::{Proven, Request, Response},
};

impl Agent {
	/// Answers the daemon's questions, one after another or together.
	pub(super) async fn questions(self: Arc<Self>) {
		let mut working = JoinSet::new();
		loop {
			while working.try_join_next().is_some() {}
			let (known, answers) = {
				let asked = lock(&self.asked);
				(asked.0.iter().copied().collect(), asked.1.clone())
			};
			let poll = Poll {
				name: self.name.clone(),
				working: known,
				answers: answers.clone(),
			};
			let poll = tokio::select! {
				asked = self.client.asks(&poll) => asked,
				// There is an answer to give.
				Some(_) = working.join_next() => continue,
			};
			match poll {
				Ok(asked) => {
					{
						let mut state = lock(&self.asked);
						for answer in &answers {
							state.0.remove(&answer.id);
							state.1.retain(|other| other.id != answer.id);
						}
					}
					for ask in asked.asks {
						if lock(&self.asked).0.insert(ask.id) {
							working.spawn(self.clone().answer(ask));
						}
					}
				},
				Err(error) => {
					self.miss(&error);
					tokio::time::sleep(PAUSE).await;
				},
			}
		}
	}

	async fn answer(self: Arc<Self>, ask: Ask) {
		let response = self.look(ask.question).await.unwrap_or_else(|error| {
			warn!("cannot answer: {error}");
			Response::Failed {
				message: error.to_string(),
				repeat: None,
				sector: None,
			}
		});
		let id = ask.id;
		lock(&self.asked).1.push(Answer { id, response });
	}

	/// Reads sectors for a proof. That waits for no lock.
	async fn look(&self, question: Question) -> Result<Response, TaskError> {
		let (Question::Open { sectors, .. } | Question::Check { sectors, .. }) = &question;
		let numbers: Vec<_> = sectors.iter().map(|(number, _)| *number).collect();
		let pinned = self.store.pin(&numbers).await?;
		let proven = sectors
			.iter()
			.zip(&pinned.paths)
			.map(|((sector, comm_r), paths)| Proven {
				sector: *sector,
				comm_r: *comm_r,
				paths: paths.clone(),
			})
			.collect();
		let request = match question {
			Question::Open {
				sector_size,
				prover_id,
				randomness,
				..
			} => Request::OpenSectors {
				sector_size,
				prover_id,
				randomness,
				sectors: proven,
			},
			Question::Check {
				sector_size,
				prover_id,
				..
			} => Request::CheckSectors {
				sector_size,
				prover_id,
				sectors: proven,
			},
		};
		let response = self.worker.run(request, 0).await;
		self.store.unpin(pinned).await?;
		Ok(response?)
	}
}
