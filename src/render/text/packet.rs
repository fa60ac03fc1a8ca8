//! One packet as text: layers with their fields, then the bytes.

use std::io::{self, Write};

use super::{Page, width};
use crate::view::hex::HexLine;
use crate::view::packet::{FieldView, LayerView, PacketView, WorkView};
use crate::view::{Line, Role};

/// Widest column of names, and of values: longer ones push what follows to a line of its own.
const NAME: usize = 26;
const VALUE: usize = 18;

/// Writes a packet.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, view: &PacketView) -> io::Result<()> {
    page.paragraph(&view.head, 0, 2)?;
    for (line, why, spec) in &view.told {
        page.blanks(4)?;
        page.paragraph(&Line::plain(line.as_str()), 4, 4)?;
        let mut why = Line::plain(why.as_str());
        if !spec.is_empty() {
            why.push(if why.is_empty() { "" } else { "  " }, Role::Plain);
            why.push(spec.as_str(), Role::Spec);
        }
        if !why.is_empty() {
            page.blanks(4)?;
            page.paragraph(&why, 4, 4)?;
        }
    }
    for one in &view.layers {
        page.end()?;
        layer(page, one)?;
    }
    if !view.work.is_empty() {
        page.end()?;
        let head =
            if view.work.iter().any(|one| !one.osi.is_empty()) { view.work_title.as_str() } else { "" };
        if !head.is_empty() {
            page.paragraph(&Line::new().with(head, Role::Strong), 0, 4)?;
        }
        view.work.iter().try_for_each(|one| work(page, one))?;
    }
    for dump in &view.dumps {
        page.end()?;
        if !dump.title.is_empty() {
            page.line(&Line::new().with(dump.title.as_str(), Role::Strong))?;
        }
        for line in &dump.lines {
            hex(page, line)?;
        }
        if let Some(rest) = &dump.rest {
            page.line(&Line::new().with(rest.as_str(), Role::Dim))?;
        }
    }
    Ok(())
}

/// One line of layer 5 or 6: the field that does the work, then what it does.
fn work<W: Write>(page: &mut Page<W>, work: &WorkView) -> io::Result<()> {
    if !work.osi.is_empty() {
        let mut line = Line::new()
            .with(format!("{:>2}  ", work.osi), Role::Strong)
            .with(work.layer.as_str(), Role::Dim)
            .with("   ", Role::Plain)
            .with(work.field.as_str(), Role::Title);
        if !work.value.is_empty() {
            line = line.with("   ", Role::Plain).with(work.value.as_str(), Role::Strong);
        }
        page.blanks(0)?;
        page.paragraph(&line, 0, 8)?;
    }
    page.blanks(4)?;
    page.paragraph(&Line::plain(work.text.as_str()), 4, 4)
}

fn layer<W: Write>(page: &mut Page<W>, layer: &LayerView) -> io::Result<()> {
    let mut line = Line::new()
        .with(format!("{:>2}  ", layer.osi), Role::Strong)
        .with(layer.tcpip.as_str(), Role::Dim)
        .with("   ", Role::Plain)
        .with(layer.title.as_str(), Role::Title)
        .with("   ", Role::Plain)
        .with(layer.range.as_str(), Role::Dim);
    if !layer.spec.is_empty() {
        line = line.with("   ", Role::Plain).with(layer.spec.as_str(), Role::Spec);
    }
    page.paragraph(&line, 0, 4)?;
    if !layer.purpose.is_empty() {
        page.blanks(4)?;
        page.paragraph(&Line::new().with(layer.purpose.as_str(), Role::Dim), 4, 4)?;
    }
    fields(page, &layer.fields)
}

/// Fields in columns.
pub(super) fn fields<W: Write>(page: &mut Page<W>, fields: &[FieldView]) -> io::Result<()> {
    let widest = |of: &dyn Fn(&FieldView) -> usize, most: usize| {
        fields.iter().map(of).filter(|w| *w <= most).max().unwrap_or(0)
    };
    let columns = Columns {
        range: widest(&|f| width(&f.range), 11),
        name: widest(&|f| f.depth * 2 + f.name.len(), NAME),
        value: widest(&|f| shown(f).1, VALUE),
    };
    fields.iter().try_for_each(|one| field(page, one, &columns))
}

struct Columns {
    range: usize,
    name: usize,
    value: usize,
}

/// The value with its bits before it, and the columns that takes.
fn shown(field: &FieldView) -> (String, usize) {
    let text = match field.bits.as_str() {
        "" => field.value.clone(),
        bits => format!("{bits} = {}", field.value),
    };
    let columns = width(&text);
    (text, columns)
}

fn field<W: Write>(page: &mut Page<W>, field: &FieldView, c: &Columns) -> io::Result<()> {
    const MARGIN: usize = 5;
    page.blanks(MARGIN + c.range.saturating_sub(width(&field.range)))?;
    page.put(&field.range, Role::Dim)?;
    page.blanks(2 + field.depth * 2)?;
    page.put(&field.name, field.role)?;
    let mut at = MARGIN + c.range.max(width(&field.range)) + 2 + field.depth * 2 + field.name.len();
    let to = |page: &mut Page<W>, at: usize, column: usize| -> io::Result<usize> {
        page.blanks(column.saturating_sub(at).max(2))?;
        Ok(column.max(at + 2))
    };
    let values = MARGIN + c.range + 2 + c.name + 2;
    let meanings = values + c.value + 2;
    let (value, columns) = shown(field);
    if !value.is_empty() {
        at = to(page, at, values)?;
        if at + columns > page.width() {
            // Long values are broken, never cut.
            page.paragraph(&Line::plain(value.as_str()), at, values)?;
            at = 0;
        } else {
            page.put(&value, Role::Strong)?;
            at += columns;
        }
    }
    if field.meaning.is_empty() {
        return if at > 0 { page.end() } else { Ok(()) };
    }
    // A value longer than its column, and a meaning that would be squeezed to the right edge: the next line.
    let squeezed = at + 2 > meanings && page.width() < at + 2 + width(&field.meaning).min(30);
    if squeezed && at > 0 {
        page.end()?;
        at = 0;
    }
    at = to(page, at, meanings)?;
    page.paragraph(&Line::new().with(field.meaning.as_str(), Role::Plain), at, meanings)
}

pub(super) fn hex<W: Write>(page: &mut Page<W>, line: &HexLine) -> io::Result<()> {
    page.put(&format!("{:04x}", line.offset), Role::Dim)?;
    for at in 0..16 {
        page.blanks(if at % 8 == 0 { 2 } else { 1 })?;
        match line.bytes.get(at) {
            Some((byte, role)) => page.put(&format!("{byte:02x}"), *role)?,
            None => page.blanks(2)?,
        }
    }
    page.blanks(2)?;
    for (byte, role) in &line.bytes {
        let c = if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' };
        page.put(c.encode_utf8(&mut [0; 4]), *role)?;
    }
    page.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::tests::written;
    use crate::view::packet::Dump;
    use crate::view::span::Part;

    fn view() -> PacketView {
        let role = Role::Field(Part::Address, false);
        let field = |range: &str, bits: &str, name: &str, value: &str, meaning: &str| FieldView {
            depth: 0,
            range: range.into(),
            bits: bits.into(),
            name: name.into(),
            value: value.into(),
            meaning: meaning.into(),
            role,
        };
        PacketView {
            head: Line::plain("#1  20 bytes"),
            told: vec![("It asks.".into(), "It does not know.".into(), "RFC 826".into())],
            layers: vec![LayerView {
                osi: "3".into(),
                tcpip: "网络层".into(),
                title: "IPv4".into(),
                range: "bytes 0–19".into(),
                purpose: "carries a datagram".into(),
                spec: "RFC 791".into(),
                fields: vec![
                    field("0", "0100 ....", "ip.version", "4", "IPv4"),
                    field("16–19", "", "ip.dst", "10.0.0.2", &"a long meaning ".repeat(8)),
                    field("", "", "http.request.uri", &"x".repeat(200), ""),
                ],
            }],
            work_title: "Work that has no header:".into(),
            work: vec![WorkView {
                osi: "6".into(),
                layer: "表示层".into(),
                field: "http.content_encoding  bytes 1–4".into(),
                value: "gzip".into(),
                text: "it is packed".into(),
            }],
            dumps: vec![Dump {
                rest: None,
                title: String::new(),
                lines: vec![HexLine { offset: 0, bytes: (0x30..0x42).map(|b| (b, role)).take(10).collect() }],
            }],
        }
    }

    #[test]
    fn every_line_fits_and_nothing_is_lost() {
        for page_width in [60, 80, 100, 160] {
            let text = written(page_width, |page| write(page, &view()));
            // Sixteen bytes are one line, whatever the page.
            let mut lines = text.lines().filter(|line| !line.starts_with("0000"));
            assert!(lines.all(|line| width(line) <= page_width), "{page_width}:\n{text}");
            let letters = |c: char| text.matches(c).count();
            assert!(letters('x') >= 200, "{page_width}");
            assert_eq!(text.matches("meaning").count(), 8, "{page_width}");
        }
    }

    #[test]
    fn the_dump_is_in_two_halves_with_its_text() {
        let text = written(100, |page| write(page, &view()));
        assert!(
            text.contains("0000  30 31 32 33 34 35 36 37  38 39                    0123456789\n"),
            "{text}"
        );
        assert!(text.contains("ip.version"), "{text}");
        assert!(text.contains("0100 .... = 4"), "{text}");
    }
}
