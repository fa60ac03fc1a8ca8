//! The passes over captures that a lesson needs: how conversations end (where a name asks for it), who could be meant, and then
//! what the chosen packets show and say.
//!
//! A capture is read more than once, so what cannot be (standard input, a pipe) is kept in a temporary file first.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::capture::Frame;
use crate::cli::options::Common;
use crate::cli::output::{Done, Problem};
use crate::flow::{FlowRecord, Outcome};
use crate::lesson::bind::{self, Flows, Records, Scope, Scout};
use crate::lesson::check::Literals;
use crate::lesson::join::{self, Bound};
use crate::lesson::question::{self, Collector};
use crate::lesson::values::{Gathered, Gatherer};
use crate::lesson::{Lesson, Part, What};
use crate::notes::check::ClaimResult;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::lesson::Material;
use crate::view::lesson::exhibits::Exhibitor;
use crate::words::Lang;

/// Which captures a lesson is told with.
#[derive(Debug, Clone, Copy)]
pub struct On<'a> {
    /// The user's own, as it was named, and where it is read.
    pub own: Option<(&'a str, &'a str)>,
    /// How the user named the lesson.
    pub named: &'a str,
    /// Whether what the chosen packets hold is collected, for prose to be held against.
    pub literals: bool,
    /// Which of the questions there could be are asked.
    pub seed: u64,
}

/// Binds a lesson and collects what it shows.
///
/// # Errors
/// [`Problem`] where a capture cannot be read.
pub fn study<'l>(
    common: &Common,
    lang: Lang,
    lesson: &'l Lesson,
    on: On<'_>,
) -> Result<(Material<'l>, Literals, Done), Problem> {
    let recipe = common.recipe()?;
    let mut done = Done::default();
    let mut literals = Literals::default();
    // Which of the lesson's captures are read from which file.
    let names = lesson.captures();
    let readings: Vec<(String, Vec<&str>)> = match on.own {
        Some((_, path)) => vec![(path.to_owned(), names)],
        None => names.iter().map(|name| (format!("@{name}"), vec![*name])).collect(),
    };
    let mut scopes: Vec<Scope<'l>> = Vec::new();
    let mut records: Vec<Records> = Vec::new();
    for (path, captures) in &readings {
        let mine: Vec<Scope<'l>> = bind::scopes(lesson)
            .into_iter()
            .filter(|scope| captures.contains(&scope.capture.as_str()))
            .collect();
        let mut flows = Flows::default();
        if bind::asks_flows(&mine) || shows_by_flow(lesson) {
            recipe.session(None).run(std::slice::from_ref(path), &mut flows)?;
        }
        let mut scout = Scout::new(mine, flows.records.clone());
        let ending = recipe.session(None).run(std::slice::from_ref(path), &mut scout)?;
        done.damages.extend(ending.damages);
        scopes.extend(scout.scopes());
        records.push(flows.records);
    }
    let mut material = Material {
        bound: join::join(lesson, &scopes),
        gathered: Gathered::default(),
        exhibits: BTreeMap::new(),
        results: BTreeMap::new(),
        questions: BTreeMap::new(),
        file: on.own.map(|(named, _)| named.to_owned()),
        named: on.named.to_owned(),
    };
    for ((path, captures), records) in readings.iter().zip(&records) {
        let file = on.own.map_or(path.as_str(), |(named, _)| named);
        let mut tutor = Tutor {
            gatherer: Gatherer::new(lesson, &material.bound, captures),
            exhibitor: Exhibitor::new(lang, file, lesson, &material.bound, captures, records),
            collector: Collector::of(asked(lesson, &material.bound, captures).map(|(_, _, packet)| packet)),
            results: Vec::new(),
            literals: on.literals.then_some(&mut literals),
            bound: bound_packets(&material.bound, captures),
        };
        let mut session = recipe.session(None);
        if lesson.parts().any(|(_, part)| matches!(part, Part::Claims(_))) {
            session = session.with_claims();
        }
        session.run(std::slice::from_ref(path), &mut tutor)?;
        let Tutor { gatherer, exhibitor, collector, results, .. } = tutor;
        material.gathered.extend(gatherer.gathered());
        material.exhibits.extend(exhibitor.exhibits(lesson, &material.bound));
        let kept = collector.kept();
        let asked: Vec<_> = asked(lesson, &material.bound, captures).collect();
        for (part, kind, packet) in asked {
            if !material.questions.contains_key(&part) {
                material
                    .questions
                    .extend(question::ask(kind, packet, &kept, lang, on.seed).map(|q| (part, q)));
            }
        }
        for capture in captures {
            material.results.insert((*capture).to_owned(), results.clone());
        }
    }
    Ok((material, literals, done))
}

/// Whether evidence is chosen by how conversations ended.
fn shows_by_flow(lesson: &Lesson) -> bool {
    lesson.parts().any(|(_, part)| match part {
        Part::Show(show) => match &show.what {
            What::Packets { filter: Some(filter), .. } => bind::asks_flow(filter),
            _ => false,
        },
        _ => false,
    })
}

/// The questions of a lesson about some of its captures: which part, which kind, which packet. A question that names several
/// packets is about the first that can be asked.
fn asked<'a>(
    lesson: &'a Lesson,
    bound: &'a Bound<'_>,
    captures: &'a [&str],
) -> impl Iterator<Item = (usize, &'a str, u64)> + 'a {
    lesson.parts().enumerate().flat_map(move |(part, (section, piece))| {
        let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
        let told = captures.contains(&capture) && !section.is_some_and(|at| bound.missing.contains_key(&at));
        let ask = match piece {
            Part::Ask(ask) if told => Some(ask),
            _ => None,
        };
        ask.into_iter().flat_map(move |ask| {
            let packets = ask.names.iter().filter_map(move |name| bound.packet(lesson, section, name));
            packets.map(move |candidate| (part, ask.kind.as_str(), candidate.packet))
        })
    })
}

fn bound_packets(bound: &Bound<'_>, captures: &[&str]) -> Vec<u64> {
    let mine = bound.chosen.iter().filter(|(capture, _)| captures.contains(&capture.as_str()));
    mine.flat_map(|(_, chosen)| chosen.values().map(|candidate| candidate.packet)).collect()
}

/// Feeds all that watches the last pass.
struct Tutor<'a> {
    gatherer: Gatherer,
    exhibitor: Exhibitor<'a>,
    collector: Collector,
    results: Vec<ClaimResult>,
    literals: Option<&'a mut Literals>,
    bound: Vec<u64>,
}

impl Sink for Tutor<'_> {
    fn wants(&self, frame: &Frame<'_>) -> Want {
        let wants_tree = self.exhibitor.wants_tree(frame.number)
            || self.literals.is_some() && self.bound.contains(&frame.number);
        if wants_tree { Want::Tree } else { Want::Context }
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.gatherer.packet(seen);
        self.collector.packet(seen);
        self.exhibitor.packet(&seen.frame, seen.packet, seen.outcome, seen.tree);
        if let (Some(literals), Some(tree)) = (&mut self.literals, seen.tree)
            && self.bound.contains(&seen.frame.number)
        {
            literals.packet(tree);
        }
        Ok(Go::Continue(()))
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.gatherer.flow(record);
        self.collector.flow(record);
        self.exhibitor.flow(record);
        Ok(())
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.gatherer.end(last);
        self.collector.end(last);
        self.exhibitor.end(last);
        Ok(())
    }

    fn claims(&mut self, results: &[ClaimResult]) -> io::Result<()> {
        self.results = results.to_vec();
        Ok(())
    }
}

/// A capture that can be read again and again: a file, or a copy of what can be read only once. The copy is gone when this is.
#[derive(Debug)]
pub struct Spool {
    path: String,
    copy: Option<PathBuf>,
}

impl Spool {
    /// Of a capture as the user named it.
    ///
    /// # Errors
    /// Those of copying.
    pub fn of(named: &str) -> io::Result<Spool> {
        let once = named == "-"
            || !named.starts_with('@') && fs::metadata(named).is_ok_and(|m| !m.is_file() && !m.is_dir());
        if !once {
            return Ok(Spool { path: named.to_owned(), copy: None });
        }
        let (path, mut file) = temporary()?;
        let spool = Spool { path: path.to_string_lossy().into_owned(), copy: Some(path) };
        match named {
            "-" => io::copy(&mut io::stdin().lock(), &mut file)?,
            _ => io::copy(&mut File::open(named)?, &mut file)?,
        };
        Ok(spool)
    }

    /// Of packets that pass from now on until Ctrl-C, by `pcaplain live` in a process of its own, which gives up its privileges. `None`
    /// where that could not capture; it has said why.
    ///
    /// # Errors
    /// Those of the copy, or of starting.
    pub fn recorded(interface: &str, lang: Lang) -> io::Result<Option<Spool>> {
        let (path, file) = temporary()?;
        let spool = Spool { path: path.to_string_lossy().into_owned(), copy: Some(path) };
        // Both are told of Ctrl-C; here it must not end the lesson.
        #[cfg(target_os = "linux")]
        crate::capture::live::on_signals(|| ())?;
        let done = Command::new(std::env::current_exe()?)
            .args(["live", "-q", "-i", interface, "-w", "-", "--lang", lang.name()])
            .stdin(Stdio::null())
            .stdout(file)
            .status()?;
        Ok(done.success().then_some(spool))
    }

    /// Where it is read.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            let _ = fs::remove_file(copy);
        }
    }
}

/// A file of a name that nobody has, for nobody else to read.
fn temporary() -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for attempt in 0..100 {
        let path = std::env::temp_dir().join(format!("pcaplain-{}-{attempt}.capture", std::process::id()));
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
