//! Help texts put into clap's commands: the flags are declared in Rust, what they are for is said in docs/words/help.toml.
//!
//! A command's text has the id `command.<name>`, a flag's `arg.<command>.<name>`, or `arg.<name>` where several
//! commands share it.

use clap::Command;

use crate::words::{self, Lang};

/// The command with all its texts in a language.
pub fn translated(command: Command, lang: Lang) -> Command {
    let path = if command.get_name() == "pcaplain" { "" } else { command.get_name() }.to_owned();
    walk(command, lang, &path)
}

fn walk(mut command: Command, lang: Lang, path: &str) -> Command {
    let id = if path.is_empty() { "command.pcaplain".to_owned() } else { format!("command.{path}") };
    command = command.about(text(lang, id).unwrap_or_default());
    command = command.mut_args(|arg| {
        let name = arg.get_id().to_string();
        let help = text(lang, format!("arg.{path}.{name}")).or_else(|| text(lang, format!("arg.{name}")));
        match help {
            Some(help) => arg.help(help),
            None => arg,
        }
    });
    command.mut_subcommands(|sub| {
        let path = if path.is_empty() {
            sub.get_name().to_owned()
        } else {
            format!("{path}-{}", sub.get_name())
        };
        walk(sub, lang, &path)
    })
}

/// A text, or `None` where there is none under that id.
fn text(lang: Lang, id: String) -> Option<&'static str> {
    // Ids are static everywhere else; the few that are put together here live as long as the program.
    let id: &'static str = id.leak();
    let text = words::text(lang, "help", id);
    (text != id).then_some(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Args;

    fn check(command: &Command, path: &str, missing: &mut Vec<String>) {
        if command.get_about().is_none_or(|about| about.to_string().is_empty()) {
            missing.push(format!("command.{path}"));
        }
        for arg in command.get_arguments() {
            let built_in = ["help", "version"].contains(&arg.get_id().as_str());
            if !built_in && arg.get_help().is_none() {
                missing.push(format!("arg.{path}.{}", arg.get_id()));
            }
        }
        for sub in command.get_subcommands() {
            check(sub, &format!("{path} {}", sub.get_name()), missing);
        }
    }

    #[test]
    fn every_command_and_flag_is_explained_in_both_languages() {
        for lang in [Lang::En, Lang::Zh] {
            let mut missing = Vec::new();
            check(&translated(Args::command(), lang), "pcaplain", &mut missing);
            assert!(missing.is_empty(), "{lang:?}: {missing:?}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
