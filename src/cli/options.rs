//! Flags that several commands share, and what they mean.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

use clap::{ArgAction, Args, ValueEnum};

use super::output::Problem;
use crate::flow::{Compat, FlowProtocol, Outcome};
use crate::session::{Filter, Session};
use crate::view::annotate::Only;
use crate::wire::Value;
use crate::words::Lang;

/// How everything is written.
#[derive(Debug, Args)]
pub struct Common {
    #[arg(long, global = true, value_enum, value_name = "LANG")]
    lang: Option<LangName>,
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorName::Auto)]
    color: ColorName,
    #[arg(long, global = true, value_name = "COLUMNS")]
    width: Option<usize>,
    #[arg(long, global = true, value_enum, value_name = "TOOL")]
    compat: Option<CompatName>,
    #[arg(long, global = true, value_name = "FILE")]
    keylog: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompatName {
    Wireshark,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LangName {
    En,
    Zh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorName {
    Auto,
    Always,
    Never,
}

// Variants have no doc comments: clap would show them as help, in English only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[expect(missing_docs)]
pub enum FormatName {
    #[default]
    Text,
    Json,
}

/// What sessions are made of: one that is needed in another thread is made there.
#[derive(Debug, Clone)]
pub struct Recipe {
    compat: Option<Compat>,
    secrets: Option<Vec<u8>>,
}

impl Recipe {
    /// A session over packets that `filter` chooses.
    pub fn session(&self, filter: Option<Filter>) -> Session {
        let session = Session::new(filter).with_compat(self.compat);
        match &self.secrets {
            Some(text) => session.with_secrets(text),
            None => session,
        }
    }
}

impl Common {
    /// The language: the flag, else the environment.
    pub fn lang(&self) -> Lang {
        match self.lang {
            Some(LangName::En) => Lang::En,
            Some(LangName::Zh) => Lang::Zh,
            None => environment_language(),
        }
    }

    /// A session as these flags want it, over packets that `filter` chooses.
    ///
    /// # Errors
    /// Where the key log cannot be read.
    pub fn session(&self, filter: Option<Filter>) -> Result<Session, Problem> {
        Ok(self.recipe()?.session(filter))
    }

    /// What such a session is made of.
    ///
    /// # Errors
    /// Where the key log cannot be read.
    pub fn recipe(&self) -> Result<Recipe, Problem> {
        let compat = self.compat.map(|CompatName::Wireshark| Compat::Wireshark);
        let Some(file) = &self.keylog else { return Ok(Recipe { compat, secrets: None }) };
        match std::fs::read(file) {
            Ok(text) => Ok(Recipe { compat, secrets: Some(text) }),
            Err(error) => {
                let values = [("file", &**file), ("message", &*error.to_string())];
                Err(Problem::said(self.lang(), "keylog", &values))
            }
        }
    }

    /// Whether to write colours: the flag, else NO_COLOR (no-color.org), else whether someone is watching.
    pub fn colour(&self) -> bool {
        match self.color {
            ColorName::Always => true,
            ColorName::Never => false,
            ColorName::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
                    && stdout().is_terminal()
            }
        }
    }

    /// Columns: the flag, else COLUMNS, else the terminal's, else 100: the same everywhere.
    pub fn width(&self) -> usize {
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        let terminal = || {
            let (width, _) = terminal_size::terminal_size()?;
            stdout().is_terminal().then_some(usize::from(width.0))
        };
        self.width.or_else(columns).or_else(terminal).unwrap_or(100)
    }
}

/// The language before the command line is parsed: errors and help need it, too.
pub fn language(words: &[OsString]) -> Lang {
    let mut words = words.iter().filter_map(|word| word.to_str());
    let mut lang = environment_language();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lang") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        if let Some(name) = value {
            lang = Lang::from_name(name).unwrap_or(lang);
        }
    }
    lang
}

fn environment_language() -> Lang {
    Lang::from_environment(|name| std::env::var(name).ok())
}

/// Which captures to read.
#[derive(Debug, Args)]
pub struct Inputs {
    #[arg(value_name = "CAPTURE")]
    captures: Vec<String>,
    #[arg(short = 'r', value_name = "FILE")]
    read: Vec<String>,
    #[command(flatten)]
    nothing: Nothing,
}

/// Names are never asked for in the network, so there is little to switch off: those that this program has a list of.
#[derive(Debug, Args)]
pub struct Nothing {
    #[arg(short = 'n', action = ArgAction::Count)]
    no_resolve: u8,
}

impl Nothing {
    /// Whether numbers are wanted without names.
    pub fn given(&self) -> bool {
        self.no_resolve > 0
    }
}

impl Inputs {
    /// The captures, in the order given.
    ///
    /// # Errors
    /// Where none is named.
    pub fn files(&self, lang: Lang) -> Result<Vec<String>, Problem> {
        let files: Vec<String> = self.read.iter().chain(&self.captures).cloned().collect();
        if files.is_empty() {
            return Err(Problem::said(lang, "no-capture-given", &[]));
        }
        Ok(files)
    }
}

/// What is chosen of them.
#[derive(Debug, Args)]
pub struct Choice {
    #[arg(short = 'Y', long, value_name = "EXPR")]
    filter: Option<String>,
    #[arg(short = 'c', long = "count", value_name = "N")]
    count: Option<u64>,
}

impl Choice {
    /// The filter, read.
    ///
    /// # Errors
    /// Where it cannot be.
    pub fn filter(&self, lang: Lang) -> Result<Option<Filter>, Problem> {
        let Some(source) = &self.filter else { return Ok(None) };
        match Filter::parse(source) {
            Ok(filter) => Ok(Some(filter)),
            Err(error) => Err(Problem::filter(lang, source, &error)),
        }
    }

    /// How many frames to read at most.
    pub fn count(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }
}

/// Reads `7`, `tcp:7`, `udp:7`: a conversation by its number, or by its number in its protocol.
///
/// # Errors
/// Where it is none of these; clap tells the user.
pub fn only(text: &str) -> Result<Only, String> {
    let protocol = |name| {
        [FlowProtocol::Tcp, FlowProtocol::Udp, FlowProtocol::Icmp, FlowProtocol::Arp]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    };
    let parsed = match text.split_once(':') {
        Some((name, stream)) => {
            protocol(name).zip(stream.parse().ok()).map(|(protocol, stream)| Only::Stream(protocol, stream))
        }
        None => text.parse().ok().map(Only::Flow),
    };
    parsed.ok_or_else(|| "N | tcp:N | udp:N | icmp:N | arp:N".to_owned())
}

/// Whether a packet is of this conversation.
pub fn is_of(only: Only, outcome: &Outcome) -> bool {
    match only {
        Only::Flow(id) => outcome.flow == Some(id),
        Only::Stream(protocol, stream) => outcome.context.computed.iter().any(|computed| {
            computed.field.name.strip_suffix(".stream") == Some(protocol.name())
                && computed.value == Value::Uint(stream)
        }),
    }
}

/// Writes what [`only`] reads.
pub fn only_name(only: Only) -> String {
    match only {
        Only::Flow(id) => id.to_string(),
        Only::Stream(protocol, stream) => format!("{}:{stream}", protocol.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_named_in_two_ways() {
        assert_eq!(only("3"), Ok(Only::Flow(3)));
        assert_eq!(only("tcp:0"), Ok(Only::Stream(FlowProtocol::Tcp, 0)));
        assert!(only("tls:0").is_err() && only("-1").is_err() && only("").is_err());
        assert_eq!(only_name(Only::Stream(FlowProtocol::Udp, 2)), "udp:2");
    }

    #[test]
    fn the_language_is_known_before_parsing() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(language(&words("pcaplain annotate --lang zh x")), Lang::Zh);
        assert_eq!(language(&words("pcaplain --lang=zh")), Lang::Zh);
        assert_eq!(language(&words("pcaplain --lang zh --lang en")), Lang::En);
    }
}
