//! Options whose value lies in several options of one number: put together before they are read.
//!
//! RFC 3396 section 5 (the order: options, file name, server name, which is not that on the wire), 7 (one value, wherever it was
//! split). Leaves out: numbers with no form known here, and a value of fixed length that is simply sent twice.

use super::{FIXED, MAGIC, options};

/// The values of a message that come in pieces; almost always none.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    code: u8,
    value: Vec<u8>,
    /// So many pieces are still to come.
    left: usize,
    /// A piece was cut: the value is not known.
    cut: bool,
}

/// One piece of a value.
pub(super) enum Piece {
    /// More follow, or the value is not known.
    Part,
    /// The last on the wire, and the whole value.
    Last(Vec<u8>),
}

impl Pieces {
    /// Looks at a whole message; `overload` says which fields of the header hold options (option 52).
    pub fn of(message: &[u8], overload: u8) -> Pieces {
        let mut pieces = Pieces::default();
        let Some(behind) = message.get(FIXED..).and_then(|rest| rest.strip_prefix(&MAGIC)) else {
            return pieces;
        };
        let file = message.get(108..FIXED).filter(|_| overload & 1 != 0).unwrap_or_default();
        let server = message.get(44..108).filter(|_| overload & 2 != 0).unwrap_or_default();
        let places = [behind, file, server];
        let mut counts = [0_u16; 256];
        for place in places {
            each(place, &mut |code, _| counts[usize::from(code)] += 1);
        }
        if counts.iter().all(|count| *count < 2) {
            return pieces;
        }
        for place in places {
            each(place, &mut |code, piece| {
                if counts[usize::from(code)] > 1 {
                    pieces.add(code, piece);
                }
            });
        }
        pieces
    }

    fn add(&mut self, code: u8, piece: Option<&[u8]>) {
        let row = match self.rows.iter().position(|row| row.code == code) {
            Some(at) => &mut self.rows[at],
            None if options::is_split(code, piece.unwrap_or_default().len()) => {
                self.rows.push(Row { code, value: Vec::new(), left: 0, cut: false });
                let last = self.rows.len() - 1;
                &mut self.rows[last]
            }
            None => return,
        };
        row.left += 1;
        row.cut |= piece.is_none();
        row.value.extend_from_slice(piece.unwrap_or_default());
    }

    /// The next option on the wire has this number: `None` where it stands for itself.
    pub fn next(&mut self, code: u8) -> Option<Piece> {
        let row = self.rows.iter_mut().find(|row| row.code == code)?;
        row.left = row.left.saturating_sub(1);
        Some(if row.left == 0 && !row.cut {
            Piece::Last(std::mem::take(&mut row.value))
        } else {
            Piece::Part
        })
    }
}

/// Each option of one place; its data, or `None` where they are cut.
fn each(mut rest: &[u8], with: &mut impl FnMut(u8, Option<&[u8]>)) {
    loop {
        rest = match rest {
            [options::PAD, rest @ ..] => rest,
            [code, length, rest @ ..] if *code != options::END => {
                let data = rest.get(..usize::from(*length));
                with(*code, data);
                &rest[data.map_or(rest.len(), <[u8]>::len)..]
            }
            _ => return,
        };
    }
}
