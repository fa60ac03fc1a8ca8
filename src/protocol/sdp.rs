//! SDP: what a session consists of, one letter, an equals sign and a value a line. SIP and RTSP carry it.
//!
//! RFC 8866 section 5. Leaves out: values taken apart.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder};

static LETTER: Field = Field::new("sdp.type");
static SEPARATOR: Field = Field::new("sdp.separator");
static OTHER: Field = Field::new("sdp.value");

static KNOWN: &[(u8, Field)] = &[
    (b'v', Field::new("sdp.version")),
    (b'o', Field::new("sdp.owner")),
    (b's', Field::new("sdp.session_name")),
    (b'c', Field::new("sdp.connection_info")),
    (b't', Field::new("sdp.time")),
    (b'm', Field::new("sdp.media")),
    (b'a', Field::new("sdp.media_attr")),
    (b'b', Field::new("sdp.bandwidth")),
];

/// Names all that is left.
///
/// # Errors
/// None that bytes of this length could cause.
pub fn describe<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    while c.left() > 0 {
        let (content, end) = lines::extent(c.peek());
        let line = &c.peek()[..content];
        if line.get(1) == Some(&b'=') {
            let field =
                KNOWN.iter().find(|(letter, _)| *letter == line[0]).map_or(&OTHER, |(_, field)| field);
            c.text(&LETTER, 1)?;
            c.bytes(&SEPARATOR, 1)?;
            c.text(field, content - 2)?;
        } else {
            c.text(&OTHER, content)?;
        }
        c.bytes(&SEPARATOR, end - content)?;
    }
    Ok(())
}
