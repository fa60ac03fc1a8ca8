//! Help texts put into clap's commands: the flags are declared in Rust, what they are for is said in docs/words/help.toml.
//!
//! A command's text has the id `<command>`, a flag's `<command>.<flag>`, or `global.<flag>` where several commands
//! share it.

use clap::Command;

use crate::words::{self, Lang};

/// The command with all its texts in a language.
pub fn translated(command: Command, lang: Lang) -> Command {
    let command = walk(command, lang, "");
    let text = |id: &str| words::find(lang, "help", id).unwrap_or_default();
    command.after_help(format!("{}\n\n{}", text("program.long"), text("examples")))
}

fn walk(command: Command, lang: Lang, path: &str) -> Command {
    let text = |id: &str| words::find(lang, "help", id);
    let heading = |id: &str| text(id).map_or("", |heading| heading.trim_end_matches([':', '：']));
    let id = if path.is_empty() { "program" } else { path };
    let usage = text("heading.usage").unwrap_or_default();
    let command = command
        .about(text(id).unwrap_or_default())
        .help_template(format!("{{about}}\n\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}"))
        .subcommand_help_heading(heading("heading.commands"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(clap::Arg::new("help").short('h').long("help").action(clap::ArgAction::Help));
    let command = match path {
        "" => {
            command.arg(clap::Arg::new("version").short('V').long("version").action(clap::ArgAction::Version))
        }
        _ => command,
    };
    let command = command.mut_args(|arg| {
        let name = arg.get_id().as_str().replace('_', "-");
        let parent = path.split('.').next().unwrap_or_default();
        let help = [path, parent, "global"].iter().find_map(|owner| text(&format!("{owner}.{name}")));
        let kind = if arg.is_positional() { "heading.arguments" } else { "heading.options" };
        let arg = arg.help_heading(heading(kind));
        match help {
            Some(help) => arg.help(help),
            None => arg,
        }
    });
    command.mut_subcommands(|sub| {
        let name = sub.get_name();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        walk(sub, lang, &path)
    })
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
            if arg.get_help().is_none() {
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
