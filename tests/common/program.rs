//! The program as a command of its own.

use std::process::Command;

/// What a tester's own environment would change.
pub const ENVIRONMENT: [&str; 5] = ["LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "NO_COLOR"];

/// The program with these arguments, as on any machine.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcaplain"));
    ENVIRONMENT.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.args(arguments);
    command
}
