//! What can be wrong with an expression, where, and with which words and numbers it is told.
//!
//! Leaves out: the sentences, which are data in docs/words/expression.toml under [`Reason::word`].

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Kind;

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// Where it begins: characters (not bytes) before it. May be one past the last, for what is missing at the end.
    pub column: usize,
    /// How many characters it covers, at least 1.
    pub length: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with an expression. Strings are the user's own text or a suggestion ready to be typed.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the line of each variant says what its fields are
pub enum Reason {
    /// Nothing but white space.
    Empty,
    /// A character that begins nothing.
    UnexpectedCharacter { found: char },
    /// A word or sign that makes no sense in this place.
    UnexpectedWord { found: String },
    /// Something must follow.
    UnexpectedEnd,
    /// A text whose closing quote is missing; the place is its opening quote.
    UnclosedText,
    /// `(` without `)`; the place is the `(`.
    UnclosedParenthesis,
    /// `{` without `}`; the place is the `{`.
    UnclosedBrace,
    /// `[` without `]`; the place is the `[`.
    UnclosedSlice,
    /// Parentheses, negations or arithmetic nested deeper than the limit.
    TooDeep { limit: usize },
    /// A typographic quote where a straight one is meant.
    SmartQuote { found: char },
    /// A full-width character where its ASCII form is meant.
    FullWidth { found: char, meant: char },
    /// `=` where `==` is meant.
    SingleEquals,
    /// Another language's spelling of an operator.
    Operator { found: String, meant: &'static str },
    /// A number that cannot be read or does not fit 64 bits.
    BadNumber { text: String },
    /// Neither an address nor a byte string.
    BadAddress { text: String },
    /// A prefix length beyond the address.
    BadPrefix { text: String, most: u8 },
    /// An unknown backslash sequence in a text.
    BadEscape { found: String },
    /// Not of the form `[i]`, `[i:length]`, `[i-j]`, `[i:]`, `[:length]`.
    BadSlice { text: String },
    /// A value stands alone where a condition is needed.
    NotACondition { text: String },
    /// A condition stands where a value is needed.
    NotAValue,
    /// A comparison in which no field occurs: it says the same of every packet.
    NoField,
    /// `{}` without members.
    EmptySet,
    /// `matches`: there are no regular expressions here.
    Matches,
    /// No such function; those there are.
    UnknownFunction { name: String, known: &'static [&'static str] },
    /// Written in the capture filter language (BPF); the same in this one, where it could be translated.
    CaptureFilter { meant: Option<String> },
    /// No such field or protocol; the nearest names, best first, perhaps none.
    UnknownName { name: String, nearest: Vec<String> },
    /// `a-b`, read as one name; as a subtraction it needs spaces.
    MinusNeedsSpaces { left: String, right: String },
    /// Two values that cannot be compared.
    Mismatch { left: Kind, right: Kind },
    /// Arithmetic on something that is no number.
    NotArithmetic { name: String, kind: Kind },
    /// `contains` on something that has no parts.
    NotSearchable { name: String, kind: Kind },
    /// A slice, length or letter case of something that has no bytes.
    NotSliceable { name: String, kind: Kind },
}

/// A value for a placeholder of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Text, to be put in as it is (after sanitising: it may be the user's).
    Text(String),
    /// Several names, to be joined as the language joins them.
    List(Vec<String>),
    /// The id of another text.
    Word(&'static str),
}

impl Error {
    pub(super) fn new(place: super::ast::Place, reason: Reason) -> Error {
        Error { column: place.column, length: place.length.max(1), reason }
    }

    /// Where to draw the caret and the line under the mistake, in terminal cells, when `source` is printed
    /// as it is: cells before it, and cells it is wide. A Chinese character takes two.
    pub fn cells(&self, source: &str) -> (usize, usize) {
        let start = source.char_indices().nth(self.column).map_or(source.len(), |(at, _)| at);
        let (before, rest) = source.split_at(start);
        let width = rest.chars().take(self.length).map(|c| c.width().unwrap_or(0)).sum::<usize>();
        (before.width(), width.max(1))
    }
}

impl Reason {
    /// The id of its sentence in docs/words/expression.toml.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::Empty => "expression.empty",
            Reason::UnexpectedCharacter { .. } => "expression.unexpected-character",
            Reason::UnexpectedWord { .. } => "expression.unexpected-word",
            Reason::UnexpectedEnd => "expression.unexpected-end",
            Reason::UnclosedText => "expression.unclosed-text",
            Reason::UnclosedParenthesis => "expression.unclosed-parenthesis",
            Reason::UnclosedBrace => "expression.unclosed-brace",
            Reason::UnclosedSlice => "expression.unclosed-slice",
            Reason::TooDeep { .. } => "expression.too-deep",
            Reason::SmartQuote { .. } => "expression.smart-quote",
            Reason::FullWidth { .. } => "expression.full-width",
            Reason::SingleEquals => "expression.single-equals",
            Reason::Operator { .. } => "expression.operator",
            Reason::BadNumber { .. } => "expression.bad-number",
            Reason::BadAddress { .. } => "expression.bad-address",
            Reason::BadPrefix { .. } => "expression.bad-prefix",
            Reason::BadEscape { .. } => "expression.bad-escape",
            Reason::BadSlice { .. } => "expression.bad-slice",
            Reason::NotACondition { .. } => "expression.not-a-condition",
            Reason::NotAValue => "expression.not-a-value",
            Reason::NoField => "expression.no-field",
            Reason::EmptySet => "expression.empty-set",
            Reason::Matches => "expression.matches",
            Reason::UnknownFunction { .. } => "expression.unknown-function",
            Reason::CaptureFilter { meant: Some(_) } => "expression.capture-filter",
            Reason::CaptureFilter { meant: None } => "expression.capture-filter-untranslated",
            Reason::UnknownName { nearest, .. } if nearest.is_empty() => "expression.unknown-name",
            Reason::UnknownName { .. } => "expression.unknown-name-nearest",
            Reason::MinusNeedsSpaces { .. } => "expression.minus-needs-spaces",
            Reason::Mismatch { .. } => "expression.mismatch",
            Reason::NotArithmetic { .. } => "expression.not-arithmetic",
            Reason::NotSearchable { .. } => "expression.not-searchable",
            Reason::NotSliceable { .. } => "expression.not-sliceable",
        }
    }

    /// What the placeholders of its sentence stand for.
    pub fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let text = |t: &str| Argument::Text(t.to_owned());
        match self {
            Reason::UnexpectedCharacter { found } | Reason::SmartQuote { found } => {
                vec![("found", text(&found.to_string()))]
            }
            Reason::UnexpectedWord { found } | Reason::BadEscape { found } => vec![("found", text(found))],
            Reason::TooDeep { limit } => vec![("limit", text(&limit.to_string()))],
            Reason::FullWidth { found, meant } => {
                vec![("found", text(&found.to_string())), ("meant", text(&meant.to_string()))]
            }
            Reason::Operator { found, meant } => vec![("found", text(found)), ("meant", text(meant))],
            Reason::BadNumber { text: t }
            | Reason::BadAddress { text: t }
            | Reason::BadSlice { text: t }
            | Reason::NotACondition { text: t } => vec![("text", text(t))],
            Reason::BadPrefix { text: t, most } => vec![("text", text(t)), ("most", text(&most.to_string()))],
            Reason::UnknownFunction { name, known } => {
                let known = known.iter().map(|&k| k.to_owned()).collect();
                vec![("name", text(name)), ("known", Argument::List(known))]
            }
            Reason::CaptureFilter { meant: Some(meant) } => vec![("meant", text(meant))],
            Reason::UnknownName { name, nearest } if nearest.is_empty() => vec![("name", text(name))],
            Reason::UnknownName { name, nearest } => {
                vec![("name", text(name)), ("nearest", Argument::List(nearest.clone()))]
            }
            Reason::MinusNeedsSpaces { left, right } => vec![("left", text(left)), ("right", text(right))],
            Reason::Mismatch { left, right } => {
                vec![("left", Argument::Word(left.word())), ("right", Argument::Word(right.word()))]
            }
            Reason::NotArithmetic { name, kind }
            | Reason::NotSearchable { name, kind }
            | Reason::NotSliceable { name, kind } => {
                vec![("name", text(name)), ("kind", Argument::Word(kind.word()))]
            }
            Reason::Empty
            | Reason::UnexpectedEnd
            | Reason::UnclosedText
            | Reason::UnclosedParenthesis
            | Reason::UnclosedBrace
            | Reason::UnclosedSlice
            | Reason::SingleEquals
            | Reason::NotAValue
            | Reason::NoField
            | Reason::EmptySet
            | Reason::Matches
            | Reason::CaptureFilter { meant: None } => Vec::new(),
        }
    }
}

/// For logs and tests; people are told with the words of docs/words/expression.toml.
impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} @{}+{}", self.reason.word(), self.column, self.length)?;
        self.reason.arguments().iter().try_for_each(|(name, value)| match value {
            Argument::Text(text) => write!(out, " {name}={text:?}"),
            Argument::List(list) => write!(out, " {name}={list:?}"),
            Argument::Word(word) => write!(out, " {name}={word}"),
        })
    }
}

impl std::error::Error for Error {}
