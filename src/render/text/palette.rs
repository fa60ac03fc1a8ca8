//! Colours by role. The sixteen of the terminal only, so that they follow its theme, light or dark.
//!
//! Leaves out: whether there are colours at all (`cli`). Nothing is told by colour alone.

use anstyle::{AnsiColor, Style};

use crate::view::Role;
use crate::view::span::Part;

/// How a role looks.
pub fn style(role: Role) -> Style {
    let colour = |c: AnsiColor| c.on_default();
    match role {
        Role::Plain => Style::new(),
        Role::Dim => Style::new().dimmed(),
        Role::Strong => Style::new().bold(),
        Role::Title => Style::new().bold().underline(),
        Role::Client => colour(AnsiColor::Blue),
        Role::Server => colour(AnsiColor::Magenta),
        Role::Packet => colour(AnsiColor::Cyan),
        Role::Protocol => Style::new().bold(),
        Role::State => colour(AnsiColor::Yellow),
        Role::Spec => Style::new().dimmed(),
        Role::Command => colour(AnsiColor::Cyan),
        Role::Good => colour(AnsiColor::Green),
        Role::Bad => colour(AnsiColor::Red).bold(),
        Role::Disputed => colour(AnsiColor::Yellow),
        Role::Note => colour(AnsiColor::Yellow),
        Role::Warn => colour(AnsiColor::Red),
        Role::Field(part, second) => {
            let style = match part {
                Part::Address => colour(AnsiColor::Cyan),
                Part::Kind => colour(AnsiColor::Magenta),
                Part::Size => colour(AnsiColor::Blue),
                Part::Number => colour(AnsiColor::Green),
                Part::Flag => colour(AnsiColor::Yellow),
                Part::Check => colour(AnsiColor::Red),
                Part::Data => Style::new(),
                Part::Filler => Style::new().dimmed(),
            };
            if second { style.underline() } else { style }
        }
    }
}
