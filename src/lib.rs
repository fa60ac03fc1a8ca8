//! pcaplain: a packet inspector that explains what it shows, and proves what it says.
//!
//! Data flows one way; a module imports from its left only:
//!
//! ```text
//! capture -> decode (wire, protocol) -> flow -> notes -> session -> lesson -> view -> render      cli: on top
//! ```

pub mod capture;
pub mod cli;
pub mod decode;
pub mod flow;
pub mod lesson;
pub mod notes;
pub mod protocol;
pub mod render;
pub mod session;
pub mod view;
pub mod wire;
pub mod words;
