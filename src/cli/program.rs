//! How this program, and words of a command, are written so that a shell can take them: for commands that users are told to type.
//!
//! Leaves out: running anything.

/// Where this program really is: capabilities belong to the file, not to a link to it.
pub(super) fn path() -> String {
    let path = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
    path.map_or_else(|| "pcaplain".to_owned(), |path| quoted(&path.to_string_lossy()))
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_typed_as_they_are_shown() {
        assert_eq!(quoted("/usr/bin/pcaplain"), "/usr/bin/pcaplain");
        assert_eq!(quoted("tcp.port == 80"), "'tcp.port == 80'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
