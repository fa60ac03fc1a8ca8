//! What a lesson shows on its own capture, written into its file, so that the file reads well by itself.
//!
//! Evidence, claims and questions stand between their directives, a slot's value between `<!--=slot-->` and `<!---->`, a text
//! that does not hold within the comment of its `if` or `else`. Filling a filled file changes nothing.
//! Leaves out: what is written there (`render::markdown`).

use std::ops::Range;

use super::slots::{Condition, Slot};
use super::{Branch, Lesson, Part, Prose};

/// What is to be written.
pub trait Content {
    /// A slot's value, in a section.
    fn slot(&self, section: Option<usize>, slot: &Slot) -> Option<String>;
    /// What stands between a directive and its end, by the part of the lesson; ends with a line break.
    fn block(&self, part: usize) -> Option<String>;
    /// Whether a condition holds.
    fn holds(&self, section: Option<usize>, condition: &Condition) -> bool;
}

/// The file with everything in its place. What has no content keeps what is there.
pub fn fill(source: &str, lesson: &Lesson, content: &dyn Content) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (index, (section, part)) in lesson.parts().enumerate() {
        match part {
            Part::Prose(prose) => {
                let slots = prose.slots.iter().zip(&prose.places);
                edits.extend(slots.map(|(slot, place)| (place.clone(), filled(section, slot, content))));
            }
            Part::Show(show) => edits.extend(block(source, &show.place.body, content.block(index))),
            Part::Claims(claims) => edits.extend(block(source, &claims.place.body, content.block(index))),
            Part::Ask(ask) => edits.extend(block(source, &ask.place.body, content.block(index))),
            Part::Branch(one) => edits.push((one.range.clone(), branch(section, one, content))),
            Part::Bind(_) => {}
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(source.len() * 2);
    let mut at = 0;
    for (range, text) in edits {
        out.push_str(&source[at..range.start]);
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(&source[at..]);
    out
}

/// A slot with its value; without one as it is written by hand.
fn filled(section: Option<usize>, slot: &Slot, content: &dyn Content) -> String {
    match content.slot(section, slot) {
        Some(value) => format!("<!--={}-->{value}<!---->", slot.source),
        None => format!("{{{}}}", slot.source),
    }
}

fn block(source: &str, body: &Range<usize>, text: Option<String>) -> Option<(Range<usize>, String)> {
    let text = text?;
    // A blank line before what is written: Markdown ends the comment's own block there.
    let text = if text.trim().is_empty() { "\n".to_owned() } else { format!("\n\n{}\n", text.trim_end()) };
    (source.get(body.clone())? != text).then(|| (body.clone(), text))
}

/// A text with its slots filled, or, where it stands in a comment, as they are written by hand.
fn written(section: Option<usize>, prose: &Prose, content: Option<&dyn Content>) -> String {
    let mut out = String::new();
    let blank = prose.text.len() - prose.text.trim_start().len();
    let begin = prose.text[..blank].rfind('\n').map_or(0, |end| end + 1);
    for c in prose.text[begin..].trim_end().chars() {
        match (prose.slot(c), content) {
            (Some(slot), Some(content)) => out.push_str(&filled(section, slot, content)),
            (Some(slot), None) => out.push_str(&format!("{{{}}}", slot.source)),
            (None, _) => out.push(c),
        }
    }
    out
}

fn branch(section: Option<usize>, branch: &Branch, content: &dyn Content) -> String {
    let holds = content.holds(section, &branch.condition);
    let mut out = String::new();
    let part = |out: &mut String, word: &str, prose: &Prose, told: bool| match told {
        true => out.push_str(&format!("<!-- {word} -->\n{}\n", written(section, prose, Some(content)))),
        false => out.push_str(&format!("<!-- {word}\n{}\n-->\n", written(section, prose, None))),
    };
    part(&mut out, &format!("if {}", branch.condition.source), &branch.then, holds);
    if let Some(prose) = &branch.otherwise {
        part(&mut out, "else", prose, !holds);
    }
    out.push_str("<!-- end -->");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::parse;

    struct Fixed(bool);

    impl Content for Fixed {
        fn slot(&self, _: Option<usize>, slot: &Slot) -> Option<String> {
            (slot.source != "a.none").then(|| "7".to_owned())
        }

        fn block(&self, part: usize) -> Option<String> {
            Some(format!("```text\npart {part}\n```\n"))
        }

        fn holds(&self, _: Option<usize>, _: &Condition) -> bool {
            self.0
        }
    }

    const SOURCE: &str = "# T\n\n<!-- lesson\ncapture = \"tcp-basic\"\n-->\n\n## S\n\n<!-- step s -->\n\
        <!-- bind a = packet -->\n\nIt is {a.x} and {a.none}, not `{y`.\n\n<!-- show stack -->\n<!-- /show -->\n\n\
        <!-- if a.x -->\nThen {a.y}.\n<!-- else -->\nElse {a.z}.\n<!-- end -->\n\nEnd.\n";

    #[test]
    fn filling_twice_changes_nothing() {
        for holds in [true, false] {
            let (lesson, mistakes) = parse("x.md", SOURCE);
            assert!(mistakes.is_empty(), "{mistakes:?}");
            let once = fill(SOURCE, &lesson, &Fixed(holds));
            let (again, mistakes) = parse("x.md", &once);
            assert!(mistakes.is_empty(), "{mistakes:?}\n{once}");
            assert_eq!(fill(&once, &again, &Fixed(holds)), once);
            let (then, other) = match holds {
                true => ("Then <!--=a.y-->7<!---->.", "<!-- else\nElse {a.z}.\n-->"),
                false => ("Else <!--=a.z-->7<!---->.", "<!-- if a.x\nThen {a.y}.\n-->"),
            };
            assert!(once.contains(then) && once.contains(other), "{once}");
            assert!(once.contains("It is <!--=a.x-->7<!----> and {a.none}, not `{y`."), "{once}");
            assert!(once.contains("<!-- show stack -->\n\n```text\npart 2\n```\n<!-- /show -->"), "{once}");
            let (other_way, _) = parse("x.md", &once);
            let back = fill(&once, &other_way, &Fixed(!holds));
            let (lesson, mistakes) = parse("x.md", &back);
            assert!(mistakes.is_empty(), "{mistakes:?}\n{back}");
            assert_eq!(fill(&back, &lesson, &Fixed(holds)), once);
        }
    }
}
