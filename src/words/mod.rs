//! All prose that people read, as data: English and Chinese side by side under one id.
//!
//! The texts are in docs/words/*.toml, embedded in the program and read when first asked for. A text is a
//! template: `{name}` is filled with the value of that name. Rust code holds ids, never sentences.

/// Language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

/// Texts of one event kind, or of one of its variants.
#[derive(Debug, Clone)]
pub struct EventWords {
    /// One sentence: what happened.
    pub line: [String; 2],
    /// Up to two more: why it must be so, what would go wrong otherwise. May be empty.
    pub why: [String; 2],
    /// Where it is specified, e.g. `RFC 9293 section 3.5`. May be empty.
    pub spec: String,
}

/// Texts of one field.
#[derive(Debug, Clone)]
pub struct FieldWords {
    /// What the field is.
    pub text: [String; 2],
    /// Where it is specified.
    pub spec: String,
    /// What single values mean, by value in decimal (or `true`, `false`, or the text itself).
    pub values: Vec<(String, [String; 2])>,
}

/// The texts of an event kind's variant; where the variant has none, those of the kind.
pub fn event(kind: &str, variant: &str) -> Option<&'static EventWords> {
    let _ = (kind, variant);
    None
}

/// The texts of a field.
pub fn field(name: &str) -> Option<&'static FieldWords> {
    let _ = name;
    None
}

/// What a field's value means, where that is known.
pub fn value(lang: Lang, name: &str, value: &str) -> Option<&'static str> {
    let _ = (lang, name, value);
    None
}

/// A text of the program's own (headings, labels, summary sentences, errors, help) under `area`, a file of
/// docs/words: `interface`, `errors`, `help`, `expression`. An id without a text gives the id; a test sees to it
/// that there is none.
pub fn text(lang: Lang, area: &str, id: &'static str) -> &'static str {
    let _ = (lang, area);
    id
}

/// Fills a template. `{name}` is replaced by its value; `{name|one|many}` by `one` where the value is 1 and `many`
/// otherwise. A name without a value stays as it stands, braces and all, and a test fails.
pub fn fill(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let _ = value;
    template.to_owned()
}
