//! Screens as plain data: what stands on them, in which order, in which role. Nothing here parses packets
//! and nothing prints; a renderer of any kind (text, later HTML or a full screen) can show it.
//!
//! Sentences come from `words`, chosen by an event's kind and filled from its data ([`say`]). Strings that come from
//! packets are carried as they are: a renderer makes them safe for where it writes them.
//!
//! Leaves out: colours and columns (see `render`), reading of arguments (see `cli`).

pub mod annotate;
pub mod claims;
pub mod conversation;
pub mod ends;
pub mod error;
pub mod evidence;
pub mod flows;
pub mod hex;
pub mod ladder;
pub mod layers;
pub mod ledger;
pub mod lesson;
pub mod list;
pub mod live;
pub mod osi;
pub mod packet;
pub mod quiz;
pub mod record;
pub mod say;
pub mod span;
pub mod time;
pub mod why;

pub use span::{Line, Role, Span};
