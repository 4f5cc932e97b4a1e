//! The questions of `holdfast-provider init`, for whoever sits at a terminal.

use std::{
	fmt::Display,
	io::{self, BufRead, Write},
	str::FromStr,
};

use anyhow::bail;
use holdfast_provider::config::{Config, Template};

/// How often a question is asked before it is given up.
const ATTEMPTS: usize = 5;

/// Asks for everything that was not said as an option. An empty line takes what is in brackets.
pub fn ask(
	template: &mut Template,
	asked: &Asked,
	input: &mut impl BufRead,
	output: &mut impl Write,
) -> anyhow::Result<()> {
	let mut wizard = Wizard { input, output };
	if asked.node {
		template.node = wizard.question(
			"The node's WebSocket address",
			&template.node,
			|text: &String| text.starts_with("ws://") || text.starts_with("wss://"),
		)?;
	}
	if asked.sector_size {
		template.sector_size = wizard.question(
			"The sectors' size: 2KiB, 8MiB, 512MiB, 32GiB or 64GiB; only the last two are sound, and it cannot \
			 be changed later",
			&template.sector_size,
			|_| true,
		)?;
	}
	if asked.listen {
		template.listen =
			wizard.question("Where the HTTP API is to listen", &template.listen, |_| {
				true
			})?;
	}
	if asked.public_url {
		let address = format!("http://{}", template.listen);
		let url = wizard.question(
			"The URL to announce on the chain",
			&address,
			|url: &String| url.starts_with("http://") || url.starts_with("https://"),
		)?;
		template.public_url = (url != address).then_some(url);
	}
	if asked.use_faucet {
		let answer = wizard.question(
			"Whether to ask a test network's faucet for money: yes or no",
			&"no".to_owned(),
			|text: &String| matches!(text.as_str(), "yes" | "no"),
		)?;
		template.use_faucet = answer == "yes";
	}
	// What cannot work together is found here and not at the start of the daemon.
	Config::parse(&template.render())?;
	Ok(())
}

/// Which questions are to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
	/// The node.
	pub node: bool,
	/// The listening address.
	pub listen: bool,
	/// The announced URL.
	pub public_url: bool,
	/// The sectors' size.
	pub sector_size: bool,
	/// The faucet.
	pub use_faucet: bool,
}

struct Wizard<'a, I, O> {
	input: &'a mut I,
	output: &'a mut O,
}

impl<I: BufRead, O: Write> Wizard<'_, I, O> {
	fn question<T: FromStr + Display + Clone>(
		&mut self,
		text: &str,
		usual: &T,
		fits: impl Fn(&T) -> bool,
	) -> anyhow::Result<T> {
		for _ in 0..ATTEMPTS {
			write!(self.output, "{text} [{usual}]: ")?;
			self.output.flush()?;
			let mut line = String::new();
			if self.input.read_line(&mut line)? == 0 {
				return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
			}
			let line = line.trim();
			if line.is_empty() {
				return Ok(usual.clone());
			}
			match line.parse::<T>() {
				Ok(value) if fits(&value) => return Ok(value),
				_ => writeln!(self.output, "that is no answer to this question")?,
			}
		}
		bail!("there was no answer that fits: {text}")
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use holdfast_primitives::SectorSize;

	const ALL: Asked = Asked {
		node: true,
		listen: true,
		public_url: true,
		sector_size: true,
		use_faucet: true,
	};

	fn answers(asked: &Asked, text: &str) -> anyhow::Result<(Template, String)> {
		let mut template = Template::default();
		let mut output = Vec::new();
		ask(&mut template, asked, &mut text.as_bytes(), &mut output)?;
		Ok((template, String::from_utf8(output).unwrap()))
	}

	#[test]
	fn empty_lines_take_what_is_proposed() {
		let (template, _) = answers(&ALL, "\n\n\n\n\n").unwrap();
		assert_eq!(template.render(), Template::default().render());
	}

	#[test]
	fn answers_are_kept_and_wrong_ones_asked_again() {
		let text = "http://no\nwss://node.example\n1MiB\n2KiB\n0.0.0.0:80\nhttps://a.example\nmaybe\nyes\n";
		let (template, output) = answers(&ALL, text).unwrap();
		assert_eq!(template.node, "wss://node.example");
		assert_eq!(template.sector_size, SectorSize::KiB2);
		assert_eq!(template.listen, "0.0.0.0:80".parse().unwrap());
		assert_eq!(template.public_url.as_deref(), Some("https://a.example"));
		assert!(template.use_faucet);
		assert_eq!(output.matches("no answer to this").count(), 3);
	}

	#[test]
	fn what_was_said_before_is_not_asked() {
		let none = Asked {
			node: false,
			listen: false,
			public_url: false,
			sector_size: false,
			use_faucet: false,
		};
		let (template, output) = answers(&none, "").unwrap();
		assert_eq!(template.render(), Template::default().render());
		assert!(output.is_empty());
	}

	#[test]
	fn an_end_of_the_answers_is_an_error() {
		assert!(answers(&ALL, "\n").is_err());
		assert!(answers(&ALL, &"no\n".repeat(20)).is_err());
	}
}
