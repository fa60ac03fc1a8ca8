//! All prose that people read, as data: English and Chinese side by side under one id.
//!
//! The texts are in docs/words/*.toml, embedded in the program and read when first asked for. A text is a
//! template, filled by [`fill`]. Rust code holds ids, never sentences.
//!
//! Leaves out: how numbers, addresses and times are written (the caller hands them over as text), and what the
//! notes say (see `notes`).

mod lang;
mod store;
mod template;
#[cfg(test)]
mod tests;

pub use lang::Lang;
pub use template::{Placeholder, fill, placeholders};

/// Texts of one event kind, or of one of its variants.
#[derive(Debug, Clone)]
pub struct EventWords {
    /// One sentence: what happened.
    pub line: [String; 2],
    /// Up to two more: why it must be so, what would go wrong otherwise. May be empty.
    pub why: [String; 2],
    /// Where it is specified, e.g. `RFC 9293 section 3.5`; several are separated by `; `. May be empty.
    pub spec: String,
}

/// Texts of one field.
#[derive(Debug, Clone)]
pub struct FieldWords {
    /// What the field is.
    pub text: [String; 2],
    /// Where it is specified.
    pub spec: String,
    /// What single values mean, by value in decimal (or `true`, `false`, or the text itself), sorted by value.
    pub values: Vec<(String, [String; 2])>,
}

/// The texts of an event kind's variant; where the variant has none, those of the kind.
pub fn event(kind: &str, variant: &str) -> Option<&'static EventWords> {
    let events = store::events();
    if !variant.is_empty()
        && let Some(words) = events.get(format!("{kind}/{variant}").as_str())
    {
        return Some(words);
    }
    events.get(kind)
}

/// The texts of a field.
pub fn field(name: &str) -> Option<&'static FieldWords> {
    store::field(name)
}

/// What a field's value means, where that is known.
pub fn value(lang: Lang, name: &str, value: &str) -> Option<&'static str> {
    let values = &field(name)?.values;
    let at = values.binary_search_by(|(v, _)| v.as_str().cmp(value)).ok()?;
    Some(&values[at].1[lang.index()])
}

/// A text of the program's own (headings, labels, summary sentences, errors, help) under `area`, a file of
/// docs/words: `interface`, `errors`, `help`, `expression`, `layers`, `live`. An id without a text gives the id; a test sees to it
/// that there is none.
pub fn text(lang: Lang, area: &str, id: &'static str) -> &'static str {
    find(lang, area, id).unwrap_or(id)
}

/// The same, for an id that is only known as the program runs.
pub fn find(lang: Lang, area: &str, id: &str) -> Option<&'static str> {
    Some(&store::area(area)?.get(id)?.text[lang.index()])
}

/// Where a text of the program's own is specified; empty where that is not said.
pub fn spec(area: &str, id: &str) -> &'static str {
    store::area(area).and_then(|texts| texts.get(id)).map_or("", |text| &text.spec)
}

/// All ids of an area, `events` and `fields` included, in alphabetical order.
pub fn ids(area: &str) -> Vec<&'static str> {
    match area {
        "events" => store::events().keys().map(String::as_str).collect(),
        "fields" => store::field_names(),
        _ => store::area(area).map(|texts| texts.keys().map(String::as_str).collect()).unwrap_or_default(),
    }
}
