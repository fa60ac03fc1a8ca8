//! Which packets are meant: of the candidates of a lesson's names the first set, in capture order, that fits together.
//!
//! Names are taken in the order in which they are written; a name's packet may be bound to the conversation, and to the
//! place, of one bound before. Where a name finds none, an earlier one takes its next candidate; after `MAX_TRIES` that ends,
//! and the step counts as not shown. Steps are added one by one, so a connection that shows only the beginning of a lesson gives
//! way to one that shows all of it. The same capture always gives the same packets.

use std::collections::BTreeMap;

use super::bind::{Candidate, Scope};
use super::{Bind, Lesson};

/// How many candidates are tried each time a step is added.
const MAX_TRIES: usize = 2_000_000;

/// The packets of one capture that the names of a lesson mean.
pub type Chosen = BTreeMap<String, Candidate>;

/// Why a step cannot be shown.
#[derive(Debug, Clone)]
pub struct Missing<'l> {
    /// The name that nothing was found for.
    pub bind: &'l Bind,
    /// Whether there are such packets, and none of them fits to the others.
    pub alone: bool,
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

/// Binds a lesson to what was found.
pub fn join<'l>(lesson: &'l Lesson, scopes: &[Scope<'l>]) -> Bound<'l> {
    let mut bound = Bound::default();
    for scope in scopes {
        let of = |bind: &Bind| {
            let found = scope.names.iter().find(|(known, _)| known.name == bind.name);
            found.map_or(&[][..], |(_, candidates)| candidates.as_slice())
        };
        let mine =
            |at: &usize| lesson.sections[*at].step.is_some() && lesson.capture_of(*at) == scope.capture;
        let steps: Vec<usize> = (0..lesson.sections.len()).filter(mine).collect();
        // The names of all steps that can be shown together: a step that cannot is left out, one that needs others than
        // the first packets moves those before it.
        let mut names: Vec<(&'l Bind, &[Candidate])> = Vec::new();
        let mut chosen = Chosen::new();
        for at in &steps {
            let known = names.len();
            for bind in lesson.sections[*at].binds().filter(|bind| !bind.optional) {
                if !names.iter().any(|(other, _)| other.name == bind.name) {
                    names.push((bind, of(bind)));
                }
            }
            match solve(&names, &Chosen::new()) {
                Ok(found) => chosen = found,
                Err(failed) => {
                    let (bind, candidates) = names[failed.max(known)];
                    bound.missing.insert(*at, Missing { bind, alone: !candidates.is_empty() });
                    names.truncate(known);
                }
            }
        }
        for at in steps.iter().filter(|at| !bound.missing.contains_key(at)) {
            for bind in lesson.sections[*at].binds().filter(|bind| bind.optional) {
                if !chosen.contains_key(&bind.name)
                    && let Ok(found) = solve(&[(bind, of(bind))], &chosen)
                {
                    chosen.extend(found);
                }
            }
        }
        bound.chosen.push((scope.capture.clone(), chosen));
    }
    bound
}

/// The first set that fits together, or the index of the name for which nothing was found.
fn solve(step: &[(&Bind, &[Candidate])], before: &Chosen) -> Result<Chosen, usize> {
    let mut taken: Vec<usize> = Vec::with_capacity(step.len());
    let mut next = 0;
    let (mut deepest, mut tries) = (0, 0);
    while taken.len() < step.len() {
        let depth = taken.len();
        let (bind, candidates) = step[depth];
        let of = |name: &Option<String>| -> Option<Option<Candidate>> {
            let Some(name) = name else { return Some(None) };
            let here = step[..depth].iter().zip(&taken).find(|((bind, _), _)| bind.name == *name);
            let found =
                here.map(|((_, candidates), at)| candidates[*at]).or_else(|| before.get(name).copied());
            found.map(Some)
        };
        let fits = of(&bind.within).zip(of(&bind.after)).zip(of(&bind.before));
        let found = fits.and_then(|((within, after), until)| {
            // Candidates stand in capture order: those before `after` need not be looked at.
            let first = after.map_or(0, |after| candidates.partition_point(|c| c.packet <= after.packet));
            (next.max(first)..candidates.len()).find(|at| {
                tries += 1;
                let candidate = &candidates[*at];
                within.is_none_or(|other| candidate.flow.is_some() && candidate.flow == other.flow)
                    && until.is_none_or(|until| candidate.packet < until.packet)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::directive;

    fn at(packet: u64, flow: u64) -> Candidate {
        Candidate { packet, told: packet, index: 0, flow: Some(flow) }
    }

    fn packets(binds: &[(&str, Vec<Candidate>)]) -> Result<Vec<u64>, usize> {
        let read: Vec<Bind> =
            binds.iter().map(|(text, _)| directive::bind(text, false, 1).expect("a bind")).collect();
        let step: Vec<_> = read.iter().zip(binds).map(|(bind, (_, c))| (bind, c.as_slice())).collect();
        let chosen = solve(&step, &Chosen::new())?;
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
        scopes[0].names.iter_mut().for_each(|(bind, candidates)| *candidates = of(&bind.name));
        let bound = join(&lesson, &scopes);
        let packets: Vec<u64> = bound.chosen[0].1.values().map(|candidate| candidate.packet).collect();
        assert_eq!(packets, [2, 9], "the first conversation has no such end");
        assert_eq!(bound.missing.keys().copied().collect::<Vec<_>>(), [2]);
        assert!(bound.missing[&2].alone);
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
