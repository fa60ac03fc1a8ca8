//! Which packets are meant: of the candidates of a lesson's names the first set, in capture order, that fits together.
//!
//! Names are taken in the order in which they are written; a name's packet may be bound to the conversation, and to the
//! place, of one bound before. Where a name finds none, an earlier one takes its next candidate; after `MAX_TRIES` that ends,
//! and the step counts as not shown. Steps are added one by one, so a connection that shows only the beginning of a lesson gives
//! way to one that shows all of it. The same capture always gives the same packets.

use std::collections::BTreeMap;

use super::bind::{Candidate, MAX_KEYS, Scope};
use super::{Bind, Lesson};

/// How many candidates are tried each time a step is added.
const MAX_TRIES: usize = 2_000_000;

/// The packets of one capture that the names of a lesson mean.
pub type Chosen = BTreeMap<String, Candidate>;

/// Why a step cannot be shown.
#[derive(Debug, Clone)]
pub struct Missing<'l> {
    /// The name that nothing was found for, given the packets of those before it.
    pub bind: &'l Bind,
    /// Whether there are such packets, and none of them fits to the others.
    pub alone: bool,
    /// The names that it has to fit to, and those that these have to: nearest first.
    pub others: Vec<&'l Bind>,
    /// Names behind it for which there are no packets at all.
    pub also: Vec<&'l Bind>,
    /// The section whose packets it goes on with, where that is what cannot be shown.
    pub earlier: Option<usize>,
}

/// A lesson bound to captures.
#[derive(Debug, Default)]
pub struct Bound<'l> {
    /// By the capture that is meant where the user names none: the names and their packets.
    pub chosen: Vec<(String, Chosen)>,
    /// What the sections that cannot be shown miss, by section.
    pub missing: BTreeMap<usize, Missing<'l>>,
}

impl Bound<'_> {
    /// The packets that a section's sentences may name.
    pub fn names(&self, lesson: &Lesson, section: Option<usize>) -> Option<&Chosen> {
        let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
        self.chosen.iter().find(|(name, _)| name == capture).map(|(_, chosen)| chosen)
    }

    /// The packet that a section means by a name.
    pub fn packet(&self, lesson: &Lesson, section: Option<usize>, name: &str) -> Option<Candidate> {
        self.names(lesson, section)?.get(name).copied()
    }
}

/// A name with the packets that it could mean.
type Choice<'a, 'l> = (&'l Bind, &'a [Candidate]);

/// By what names are compared.
type Keys<'a> = BTreeMap<&'a str, &'a [&'a str]>;

/// Binds a lesson to what was found.
pub fn join<'l>(lesson: &'l Lesson, scopes: &[Scope<'l>]) -> Bound<'l> {
    let mut bound = Bound::default();
    for scope in scopes {
        let of = |bind: &Bind| {
            let found = scope.names.iter().find(|known| known.bind.name == bind.name);
            found.map_or(&[][..], |named| named.candidates.as_slice())
        };
        let keys: Keys<'_> = scope.names.iter().map(|n| (n.bind.name.as_str(), n.keys.as_slice())).collect();
        let mine =
            |at: &usize| lesson.sections[*at].step.is_some() && lesson.capture_of(*at) == scope.capture;
        let steps: Vec<usize> = (0..lesson.sections.len()).filter(mine).collect();
        // The names of all steps that can be shown together: a step that cannot is left out, one that needs others than
        // the first packets moves those before it.
        let mut names: Vec<Choice<'_, 'l>> = Vec::new();
        let mut chosen = Chosen::new();
        for at in &steps {
            let known = names.len();
            for bind in lesson.sections[*at].binds().filter(|bind| !bind.optional) {
                if !names.iter().any(|(other, _)| other.name == bind.name) {
                    names.push((bind, of(bind)));
                }
            }
            match solve(&names, &Chosen::new(), &keys) {
                Ok(found) => chosen = found,
                Err(failed) => {
                    let missing = missing(lesson, &names, failed.max(known), &bound.missing);
                    bound.missing.insert(*at, missing);
                    names.truncate(known);
                }
            }
        }
        // A step without names of its own goes on with those of one before it.
        for at in &steps {
            let needed = |name: &str| {
                let declares = |other: &usize| {
                    lesson.sections[*other].binds().any(|bind| bind.name == name && !bind.optional)
                };
                if chosen.contains_key(name) { None } else { steps.iter().find(|at| declares(at)) }
            };
            if !bound.missing.contains_key(at)
                && let Some(other) = lesson.sections[*at].speaks_of().find_map(needed)
                && let Some(root) = bound.missing.get(other)
            {
                let missing = Missing { earlier: root.earlier.or(Some(*other)), ..root.clone() };
                bound.missing.insert(*at, missing);
            }
        }
        for at in steps.iter().filter(|at| !bound.missing.contains_key(at)) {
            for bind in lesson.sections[*at].binds().filter(|bind| bind.optional) {
                if !chosen.contains_key(&bind.name)
                    && let Ok(found) = solve(&[(bind, of(bind))], &chosen, &keys)
                {
                    chosen.extend(found);
                }
            }
        }
        bound.chosen.push((scope.capture.clone(), chosen));
    }
    bound
}

/// What a step lacks: the name that found nothing, or, where that goes on with packets of a step that cannot be shown, what
/// that one lacks.
fn missing<'l>(
    lesson: &'l Lesson,
    names: &[Choice<'_, 'l>],
    failed: usize,
    before: &BTreeMap<usize, Missing<'l>>,
) -> Missing<'l> {
    let (bind, candidates) = names[failed];
    let known = |name: &str| names[..failed].iter().map(|(bind, _)| *bind).find(|bind| bind.name == name);
    if !candidates.is_empty() {
        for other in bind.others().into_iter().filter(|other| known(other).is_none()) {
            let declares = |at: &usize| lesson.sections[*at].binds().any(|bind| bind.name == other);
            if let Some((at, root)) = before.iter().find(|(at, _)| declares(at)) {
                return Missing { earlier: root.earlier.or(Some(*at)), ..root.clone() };
            }
        }
    }
    let mut others: Vec<&'l Bind> = Vec::new();
    let mut next = 0;
    let mut from = Some(bind);
    while let Some(bind) = from {
        for other in bind.others().into_iter().filter_map(known) {
            if !others.iter().any(|listed| listed.name == other.name) {
                others.push(other);
            }
        }
        from = others.get(next).copied();
        next += 1;
    }
    let also = names[failed + 1..].iter().filter(|(_, candidates)| candidates.is_empty());
    let also = also.map(|(bind, _)| *bind).collect();
    Missing { bind, alone: !candidates.is_empty(), others, also, earlier: None }
}

/// The first set that fits together, or the index of the name for which nothing was found.
fn solve(step: &[Choice<'_, '_>], before: &Chosen, keys: &Keys<'_>) -> Result<Chosen, usize> {
    let mut taken: Vec<usize> = Vec::with_capacity(step.len());
    let mut next = 0;
    let (mut deepest, mut tries) = (0, 0);
    while taken.len() < step.len() {
        let depth = taken.len();
        let (bind, candidates) = step[depth];
        let of = |name: &String| -> Option<Candidate> {
            let here = step[..depth].iter().zip(&taken).find(|((bind, _), _)| bind.name == *name);
            here.map(|((_, candidates), at)| candidates[*at]).or_else(|| before.get(name).copied())
        };
        let optional = |name: &Option<String>| name.as_ref().map_or(Some(None), |name| of(name).map(Some));
        let fits = optional(&bind.within).zip(optional(&bind.after)).zip(optional(&bind.before));
        let marks = marks(bind, &of, keys);
        let found = fits.zip(marks).and_then(|(((within, after), until), marks)| {
            // Candidates stand in capture order: those before `after` need not be looked at.
            let first = after.map_or(0, |after| candidates.partition_point(|c| c.packet <= after.packet));
            (next.max(first)..candidates.len()).find(|at| {
                tries += 1;
                let candidate = &candidates[*at];
                within.is_none_or(|other| candidate.flow.is_some() && candidate.flow == other.flow)
                    && until.is_none_or(|until| candidate.packet < until.packet)
                    && marks.iter().all(|(at, mark)| candidate.marks[*at] == *mark)
            })
        });
        match found {
            Some(at) => {
                taken.push(at);
                next = 0;
                deepest = deepest.max(taken.len());
            }
            None => match taken.pop() {
                Some(at) if tries < MAX_TRIES => next = at + 1,
                _ => return Err(deepest.min(step.len() - 1)),
            },
        }
    }
    Ok(step.iter().zip(taken).map(|((bind, candidates), at)| (bind.name.clone(), candidates[at])).collect())
}

/// Which marks a name's packet must have, so that it has in common with others what its `with` says. `None` where one of
/// those has no such value.
fn marks(
    bind: &Bind,
    of: &dyn Fn(&String) -> Option<Candidate>,
    keys: &Keys<'_>,
) -> Option<Vec<(usize, u64)>> {
    let place = |name: &str, key: &str| {
        let at = keys.get(name)?.iter().position(|known| *known == key)?;
        (at < MAX_KEYS).then_some(at)
    };
    let each = bind.with.iter().map(|with| {
        let mark = of(&with.other)?.marks[place(&with.other, &with.of)?];
        (mark != 0).then_some((place(&bind.name, &with.key)?, mark))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::directive;

    fn at(packet: u64, flow: u64) -> Candidate {
        Candidate { packet, told: packet, index: 0, flow: Some(flow), marks: [0; MAX_KEYS] }
    }

    fn packets(binds: &[(&str, Vec<Candidate>)]) -> Result<Vec<u64>, usize> {
        let read: Vec<Bind> =
            binds.iter().map(|(text, _)| directive::bind(text, false, 1).expect("a bind")).collect();
        let step: Vec<_> = read.iter().zip(binds).map(|(bind, (_, c))| (bind, c.as_slice())).collect();
        let chosen = solve(&step, &Chosen::new(), &Keys::new())?;
        Ok(read.iter().map(|bind| chosen[&bind.name].packet).collect())
    }

    #[test]
    fn the_first_set_that_fits_is_taken() {
        let syn = vec![at(1, 0), at(5, 1)];
        let ack = vec![at(4, 1), at(9, 1)];
        let found = packets(&[("a = packet", syn.clone()), ("b = packet in a after a", ack.clone())]);
        assert_eq!(found, Ok(vec![5, 9]), "the first conversation has no answer");
        let found = packets(&[("a = packet", syn.clone()), ("b = packet before a", ack.clone())]);
        assert_eq!(found, Ok(vec![5, 4]));
        assert_eq!(packets(&[("a = packet", syn.clone()), ("b = packet in a", vec![at(7, 3)])]), Err(1));
        assert_eq!(packets(&[("a = packet", vec![]), ("b = packet", ack)]), Err(0));
        assert_eq!(packets(&[("b = packet in x", syn)]), Err(0), "what is not bound has no conversation");
    }

    #[test]
    fn earlier_steps_take_what_later_ones_need() {
        let text = "# T\n\n<!-- lesson\ncapture = \"c\"\n-->\n\n## A\n\n<!-- step a -->\n<!-- bind a = packet -->\n\n\
            ## B\n\n<!-- step b -->\n<!-- bind b = flow in a -->\n<!-- bind? c = state in b -->\n\n\
            ## C\n\n<!-- step c -->\n<!-- bind d = hop in a -->\n";
        let (lesson, mistakes) = crate::lesson::parse("x.md", text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let mut scopes = crate::lesson::bind::scopes(&lesson);
        let of = |name: &str| match name {
            "a" => vec![at(1, 0), at(2, 1)],
            "b" => vec![at(9, 1)],
            "d" => vec![at(3, 0)],
            _ => Vec::new(),
        };
        scopes[0].names.iter_mut().for_each(|named| named.candidates = of(&named.bind.name));
        let bound = join(&lesson, &scopes);
        let packets: Vec<u64> = bound.chosen[0].1.values().map(|candidate| candidate.packet).collect();
        assert_eq!(packets, [2, 9], "the first conversation has no such end");
        assert_eq!(bound.missing.keys().copied().collect::<Vec<_>>(), [2]);
        assert!(bound.missing[&2].alone);
    }

    #[test]
    fn the_answer_to_this_very_question_is_taken() {
        let bind = |text: &str| directive::bind(text, false, 1).expect("a bind");
        let (question, answer) = (bind("q = packet"), bind("a = packet in q with of == q.packet"));
        let marked = |packet, mark| Candidate { marks: [mark, 0, 0, 0], ..at(packet, 0) };
        let questions = [marked(1, 11), marked(2, 22)];
        let keys = Keys::from([("q", &["packet"][..]), ("a", &["of"][..])]);
        let chosen = |answers: &[Candidate]| {
            let found = solve(&[(&question, &questions), (&answer, answers)], &Chosen::new(), &keys)?;
            Ok((found["q"].packet, found["a"].packet))
        };
        assert_eq!(chosen(&[marked(3, 22), marked(4, 11)]), Ok((1, 4)));
        assert_eq!(chosen(&[marked(3, 22)]), Ok((2, 3)), "the first has no answer");
        assert_eq!(
            chosen(&[marked(3, 0)]),
            Err(1),
            "what has no value is not equal to another that has none"
        );
    }

    #[test]
    fn a_step_that_goes_on_with_one_that_cannot_be_shown_says_so() {
        let text = "# T\n\n<!-- lesson\ncapture = \"c\"\n-->\n\n## A\n\n<!-- step a -->\n<!-- bind a = packet -->\n<!-- bind b = flow in a -->\n\n\
            ## B\n\n<!-- step b -->\n<!-- bind c = hop in b -->\n\n## C\n\n<!-- step c -->\n<!-- bind d = state after c -->\n\n\
            ## D\n\n<!-- step d -->\n\nIt is {a.packet}.\n\n## E\n\n<!-- step e -->\n\nNothing of packets.\n";
        let (lesson, mistakes) = crate::lesson::parse("x.md", text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let mut scopes = crate::lesson::bind::scopes(&lesson);
        for named in &mut scopes[0].names {
            named.candidates = match named.bind.name.as_str() {
                "b" => vec![at(9, 1)],
                _ => vec![at(1, 0)],
            };
        }
        let missing = join(&lesson, &scopes).missing;
        let told = |step: usize| (missing[&step].bind.name.as_str(), missing[&step].earlier);
        assert_eq!([told(0), told(1), told(2)], [("b", None), ("b", Some(0)), ("b", Some(0))]);
        assert_eq!(told(3), ("b", Some(0)), "it has no names of its own");
        assert!(!missing.contains_key(&4));
        assert!(missing[&0].also.is_empty());
        assert_eq!(missing[&0].others.iter().map(|bind| bind.name.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn many_candidates_end_in_bounded_time() {
        let many: Vec<Candidate> = (1..4000).map(|n| at(n, n)).collect();
        let binds = [
            ("a = packet", many.clone()),
            ("b = packet", many.clone()),
            ("c = packet in a after b", many.clone()),
        ];
        assert_eq!(packets(&binds), Err(2));
    }
}
