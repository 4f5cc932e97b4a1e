//! Prints what a chain is and who stores on it.
//!
//! `cargo run --release -p holdfast-chain-client --example chain-info [ws://127.0.0.1:9944]`

use holdfast_chain_client::ChainClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
	let url = std::env::args()
		.nth(1)
		.unwrap_or_else(|| "ws://127.0.0.1:9944".to_owned());
	let chain = ChainClient::connect(&url).await?;
	chain.verify_runtime().await?;

	let best = chain.best_block().await?;
	let finalized = chain.finalized_block().await?;
	println!("genesis    0x{}", const_hex::encode(chain.genesis_hash()));
	println!(
		"best       {} 0x{}",
		best.number,
		const_hex::encode(best.hash)
	);
	println!("finalized  {}", finalized.number);
	println!("policy     {:#?}", chain.policy().await?);

	let providers = chain.providers().await?;
	println!("providers  {}", providers.len());
	for (account, info) in providers {
		let balance = chain.balance(&account).await?;
		println!("{account}: {info:#?}\n{balance:#?}");
	}
	Ok(())
}
