//! Which language people read, and how the environment says so.
//!
//! Leaves out: the command line, which hands its `--lang` to [`Lang::from_name`].

/// Language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Lang {
    /// Both.
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Zh];

    /// The name that `--lang` takes.
    pub fn name(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Zh => "zh",
        }
    }

    /// The language of that name.
    pub fn from_name(name: &str) -> Option<Lang> {
        Lang::ALL.into_iter().find(|lang| lang.name() == name)
    }

    /// Index into the pairs of texts in [`super::EventWords`] and [`super::FieldWords`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// What the environment asks for: of `LC_ALL`, `LC_MESSAGES` and `LANG` the first that is set and not
    /// empty decides. Any Chinese locale gives Chinese, all others give English.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Lang {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(get).find(|v| !v.is_empty());
        match locale {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        }
    }
}
