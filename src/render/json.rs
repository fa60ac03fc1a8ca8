//! JSON for programs: one object a line, in capture order.
//!
//! Leaves out: what is in the objects (`view::record`).

use std::io::{self, Write};

use serde::Serialize;

/// Writes records, one a line. The writer is best buffered.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
}

impl<W: Write> Lines<W> {
    /// Lines on `out`.
    pub fn new(out: W) -> Lines<W> {
        Lines { out }
    }

    /// One record.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn line(&mut self, record: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, record).map_err(io::Error::from)?;
        self.out.write_all(b"\n")
    }

    /// Hand everything on.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
