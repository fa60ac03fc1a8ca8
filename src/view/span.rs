//! Text with roles: what a piece of a line means, not what colour it has.

/// What a piece of text is. A renderer chooses how that looks; the words alone must carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Running text.
    Plain,
    /// What can be passed over: labels, what repeats, units.
    Dim,
    /// What the eye should find.
    Strong,
    /// A heading.
    Title,
    /// Who began the conversation.
    Client,
    /// The other end.
    Server,
    /// A packet's number.
    Packet,
    /// A protocol, a segment's flags.
    Protocol,
    /// A state of an endpoint.
    State,
    /// A specification that says so.
    Spec,
    /// Something to type.
    Command,
    /// Shown by the packets; opened or closed as it should.
    Good,
    /// Contradicted by the packets; failed.
    Bad,
    /// Said in more than one way.
    Disputed,
    /// Worth a look.
    Note,
    /// Did not go as it should.
    Warn,
    /// A part of a packet: its kind, and whether it is the second of two neighbours of the same kind.
    Field(Part, bool),
}

/// Kinds of fields, so that the same kind looks the same in every protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Who or where: addresses, ports.
    Address,
    /// What comes next, what it is: types, protocols, opcodes, versions.
    Kind,
    /// How much: lengths, offsets, windows, lifetimes.
    Size,
    /// Where in the stream, which one: numbers and identifiers.
    Number,
    /// Flags.
    Flag,
    /// Checksums.
    Check,
    /// What is carried.
    Data,
    /// Filling, reserved, unreadable.
    Filler,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text, perhaps from a packet: not yet safe for a terminal.
    pub text: String,
    /// What it is.
    pub role: Role,
}

/// A line, or a paragraph that a renderer may break.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Its pieces, from the left.
    pub spans: Vec<Span>,
}

impl Line {
    /// Nothing yet.
    pub fn new() -> Line {
        Line::default()
    }

    /// Running text.
    pub fn plain(text: impl Into<String>) -> Line {
        Line::new().with(text, Role::Plain)
    }

    /// The same line with one more piece.
    pub fn with(mut self, text: impl Into<String>, role: Role) -> Line {
        self.push(text, role);
        self
    }

    /// One more piece; an empty one is left out.
    pub fn push(&mut self, text: impl Into<String>, role: Role) {
        let text = text.into();
        if !text.is_empty() {
            self.spans.push(Span { text, role });
        }
    }

    /// Whether nothing stands on it.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text alone.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}
