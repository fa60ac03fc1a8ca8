//! The command line: one file a command. Flags are raw values; a command turns them into a plan and runs it.
//!
//! Exit status: 0 all read; 1 a capture was cut short, corrupt or had to end early, everything before it was told; 2 a mistake in
//! the command line, or a file that cannot be read at all. Standard output closed early is no error.
//!
//! Leaves out: help texts (docs/words/help.toml, put in by [`help`]).

pub mod annotate;
pub mod captures;
pub mod claims;
pub mod flows;
mod follow;
pub mod help;
pub mod interfaces;
pub mod json;
pub mod ladder;
pub mod layers;
pub mod lesson;
pub mod live;
pub mod options;
pub mod output;
pub mod packet;
pub mod packets;
mod program;
pub mod quiz;
mod running;
pub mod why;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use options::Common;
use output::{Done, Problem};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "pcaplain", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Annotate(annotate::Flags),
    Packets(packets::Flags),
    Packet(packet::Flags),
    Flows(flows::Flags),
    Ladder(ladder::Flags),
    Layers(layers::Flags),
    Why(why::Flags),
    Claims(claims::Flags),
    Lesson(lesson::Flags),
    Quiz(quiz::Flags),
    Captures(captures::Flags),
    Interfaces(interfaces::Flags),
    Live(live::Flags),
}

/// Reads the command line, runs the command, tells how it went.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let lang = options::language(&words);
    let matches = match help::translated(Args::command(), lang).try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let args = match Args::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let result = run(&args);
    output::report(lang, result)
}

fn run(args: &Args) -> Result<Done, Problem> {
    let common = &args.common;
    match &args.command {
        Command::Annotate(flags) => annotate::run(common, flags),
        Command::Packets(flags) => packets::run(common, flags),
        Command::Packet(flags) => packet::run(common, flags),
        Command::Flows(flags) => flows::run(common, flags),
        Command::Ladder(flags) => ladder::run(common, flags),
        Command::Layers(flags) => layers::run(common, flags),
        Command::Why(flags) => why::run(common, flags),
        Command::Claims(flags) => claims::run(common, flags),
        Command::Lesson(flags) => lesson::run(common, flags),
        Command::Quiz(flags) => quiz::run(common, flags),
        Command::Captures(flags) => captures::run(common, flags),
        Command::Interfaces(flags) => interfaces::run(common, flags),
        Command::Live(flags) => live::run(common, flags),
    }
}
