//! A lesson in a terminal, step by step: something to think about, Enter, the evidence, what it means, then a question that is
//! answered by its letter.
//!
//! Leaves out: what stands in the lesson (`view::lesson`), how it is drawn (`render::text::lesson`).

use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;

use crate::render::text::{Page, lesson};
use crate::view::lesson::question::QuestionView;
use crate::view::lesson::{Item, LessonView, said};
use crate::view::{Line, Role};
use crate::words::Lang;

/// Someone who learns.
pub(in crate::cli) struct Walk<'a, W: Write, R: BufRead> {
    pub page: &'a mut Page<W>,
    pub input: &'a mut R,
    pub lang: Lang,
    pub titles: [String; 7],
    /// Questions answered, and those answered right.
    pub asked: u64,
    pub right: u64,
}

type Go = io::Result<ControlFlow<()>>;

impl<W: Write, R: BufRead> Walk<'_, W, R> {
    /// Goes through a lesson until its end, or until the learner has enough.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn lesson(mut self, view: &LessonView) -> io::Result<()> {
        lesson::head(self.page, view)?;
        let _ = self.sections(view)?;
        self.score()
    }

    /// Asks questions one after the other.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn questions(mut self, views: &[QuestionView]) -> io::Result<()> {
        for view in views {
            if self.question(view)?.is_break() {
                break;
            }
        }
        self.score()
    }

    fn score(self) -> io::Result<()> {
        if self.asked > 0 {
            let (right, asked) = (self.right.to_string(), self.asked.to_string());
            self.page.end()?;
            let text = said(self.lang, "score", &[("right", &right), ("asked", &asked)]);
            self.page.paragraph(&Line::new().with(text, Role::Strong), 0, 0)?;
        }
        self.page.flush()
    }

    fn sections(&mut self, view: &LessonView) -> Go {
        let steps = view.sections.iter().filter(|section| section.step.is_some()).count().to_string();
        for (at, section) in view.sections.iter().enumerate() {
            let next = section.step.map(|step| step.to_string());
            let prompt = match &next {
                Some(step) => said(self.lang, "continue-to", &[("step", step), ("steps", &steps)]),
                None => said(self.lang, "continue", &[]),
            };
            if at > 0 && self.pause(&prompt)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            lesson::heading(self.page, section)?;
            let mut shown = true;
            for item in &section.items {
                // Whoever is to think first must not see the answer below.
                let prompt = said(self.lang, "continue", &[]);
                if matches!(item, Item::Evidence(_)) && !shown && self.pause(&prompt)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                shown = matches!(item, Item::Evidence(_));
                match item {
                    Item::Question(view) => {
                        if self.question(view)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    item => lesson::item(self.page, item, &self.titles)?,
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A line of the learner's; `None` for the end of it all.
    fn line(&mut self, prompt: &str) -> io::Result<Option<String>> {
        self.page.end()?;
        self.page.put(prompt, Role::Dim)?;
        self.page.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            self.page.end()?;
            return Ok(None);
        }
        let line = line.trim().to_lowercase();
        Ok(if line == "q" || line == "quit" { None } else { Some(line) })
    }

    fn pause(&mut self, prompt: &str) -> Go {
        Ok(match self.line(&format!("[{prompt}] "))? {
            Some(_) => ControlFlow::Continue(()),
            None => ControlFlow::Break(()),
        })
    }

    fn question(&mut self, view: &QuestionView) -> Go {
        lesson::question(self.page, view)?;
        let letters: Vec<String> = view.options.iter().map(|option| option.letter.to_string()).collect();
        let letters = letters.join(" ");
        loop {
            let Some(given) = self.line(&said(self.lang, "your-answer", &[("letters", &letters)]))? else {
                return Ok(ControlFlow::Break(()));
            };
            if given.is_empty() {
                lesson::answer(self.page, view)?;
                return Ok(ControlFlow::Continue(()));
            }
            let chosen = view.options.iter().find(|o| given == o.letter.to_lowercase().to_string());
            let (Some(chosen), Some(right)) = (chosen, view.right()) else {
                let text = said(self.lang, "no-option", &[("given", &given)]);
                self.page.paragraph(&Line::new().with(text, Role::Warn), 0, 2)?;
                continue;
            };
            self.asked += 1;
            let (letter, given) = (right.letter.to_string(), chosen.letter.to_string());
            if chosen.right {
                self.right += 1;
                let text = said(self.lang, "right", &[("letter", &letter)]);
                lesson::reason(self.page, Line::new().with(format!("{text} "), Role::Good), view)?;
            } else {
                let text = said(self.lang, "wrong", &[("given", &given), ("letter", &letter)]);
                self.page.paragraph(&Line::new().with(text, Role::Bad), 0, 2)?;
                lesson::why_not(self.page, chosen)?;
                lesson::reason(self.page, Line::new(), view)?;
            }
            return Ok(ControlFlow::Continue(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::lesson::SectionView;
    use crate::view::lesson::exhibits::Exhibit;
    use crate::view::lesson::markdown::Block;
    use crate::view::lesson::question::OptionView;

    fn lesson() -> LessonView {
        let option = |letter, right| OptionView {
            letter,
            text: format!("option {letter}"),
            right,
            why: format!("not {letter}"),
        };
        let question = QuestionView {
            label: "Check:".into(),
            stem: "Which?".into(),
            shown: Vec::new(),
            options: vec![option('A', false), option('B', true)],
            answer: "Answer:".into(),
            reason: "Because.".into(),
            spec: String::new(),
        };
        let items = vec![
            Item::Text(vec![Block::Paragraph(Line::plain("Think."))]),
            Item::Evidence(Exhibit::Nothing(Line::plain("evidence"))),
            Item::Text(vec![Block::Paragraph(Line::plain("So it is."))]),
            Item::Question(Box::new(question)),
        ];
        let section = SectionView { title: Line::plain("One"), step: Some(1), items };
        let last = SectionView { title: Line::plain("Two"), step: None, items: Vec::new() };
        LessonView { title: Line::plain("L"), captures: Line::plain("@x"), sections: vec![section, last] }
    }

    fn walked(typed: &str) -> String {
        let mut out = Vec::new();
        let mut page = Page::new(&mut out, 80, false);
        let titles = std::array::from_fn(|_| String::new());
        let walk = Walk {
            page: &mut page,
            input: &mut typed.as_bytes(),
            lang: Lang::En,
            titles,
            asked: 0,
            right: 0,
        };
        walk.lesson(&lesson()).expect("memory can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn evidence_waits_until_it_is_asked_for() {
        let text = walked("q\n");
        assert!(text.contains("Think.") && !text.contains("evidence"), "{text}");
        let text = walked("");
        assert!(!text.contains("evidence"), "the end of what is typed ends the lesson: {text}");
    }

    #[test]
    fn answers_are_graded_with_their_reason() {
        let text = walked("\nb\n\n");
        assert!(text.contains("Right: B. Because.") && text.contains("1 of 1 question"), "{text}");
        let text = walked("\nx\nA\n\n");
        assert!(text.contains("There is no x here."), "{text}");
        assert!(
            text.contains("Not A, but B.") && text.contains("not A") && text.contains("0 of 1"),
            "{text}"
        );
        let text = walked("\n\n\n");
        assert!(text.contains("Answer: B.") && !text.contains("of 1"), "{text}");
        assert!(text.contains("Two"), "{text}");
    }
}
