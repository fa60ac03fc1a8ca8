//! What the study notes claim: docs/notes, one file a topic, read once and embedded in the program.
//!
//! How the files are to be read:
//!
//! * `verdict` is about the claim in general. `correction` says what is right instead, `rider` what limits a claim that
//!   stands, `authority` who says so. `revised`: what the entry itself used to say and was wrong.
//! * A `check` is put to every event of the kind it is `on`. Where its `when` does not hold the packet has nothing to
//!   say. `shows`: this packet bears the claim out. `contradicts`: it refutes what the note says, in general or
//!   here, and `right` says who is right then: the `rfc` (the note is wrong), `both` (the note leaves out a case that
//!   the RFC knows), or the `note` (what was captured is itself out of order).
//! * Claims `note-conflict-*` are places where notes disagree; their `position`s say who says what. There, shown
//!   means that packets decide it, as the correction says.
//! * A claim without checks says in `unobservable` why no packet can tell.
//! * `captures` are bundled ones that show or contradict the claim; each claim with checks has at least one.
//!
//! Leaves out: evaluation (see `check`).

use std::sync::OnceLock;

use serde::Deserialize;

use super::check::On;
use super::expression::Expression;
use super::vocabulary;

/// A text in English and Chinese.
pub type Text = [String; 2];

/// What the claims of a topic are about.
#[derive(Debug)]
pub struct Topic {
    /// Its name: the file's.
    pub name: &'static str,
    /// Its heading.
    pub title: Text,
}

/// Whether a claim holds, in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It stands, perhaps with a rider.
    True,
    /// Under conditions that it does not name.
    Conditional,
    /// The notes, or those who should know, disagree.
    Disputed,
    /// It does not.
    False,
    /// Of things that no packet carries.
    OutsideTheWire,
}

impl Verdict {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::True => "true",
            Verdict::Conditional => "conditional",
            Verdict::Disputed => "disputed",
            Verdict::False => "false",
            Verdict::OutsideTheWire => "outside-the-wire",
        }
    }
}

/// Who is right where packets contradict a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// The note is wrong.
    #[default]
    Rfc,
    /// The note is right as far as it goes; the RFC knows one more case, and this is it.
    Both,
    /// What was captured is out of order.
    Note,
}

impl Right {
    /// A short name: `rfc`, `both`, `note`.
    pub fn name(self) -> &'static str {
        match self {
            Right::Rfc => "rfc",
            Right::Both => "both",
            Right::Note => "note",
        }
    }
}

/// Where in the notes something is said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Number of the note, e.g. `000`.
    pub note: String,
    /// Number or title of its section.
    pub section: String,
}

/// What one side of a conflict says.
#[derive(Debug)]
pub struct Position {
    /// Who says it.
    pub sources: Vec<Place>,
    /// What.
    pub text: Text,
    /// Whether it stands: true, false, or undecided.
    pub stands: Option<bool>,
}

/// What is asked of packets.
#[derive(Debug)]
pub struct Check {
    /// Of which packets.
    pub on: On,
    /// What must hold for the packet to have a say.
    pub when: Option<Expression>,
    /// What bears the claim out.
    pub shows: Option<Expression>,
    /// What refutes it.
    pub contradicts: Option<Expression>,
    /// Who is right then.
    pub right: Right,
    /// One sentence for where it shows; may be empty. A template.
    pub shown: Text,
    /// One sentence for where it contradicts. A template.
    pub contradicted: Text,
    /// The names its sentences ask for: as the template writes them, and the fact behind each.
    pub(super) placeholders: Vec<(String, String)>,
}

impl Check {
    /// The names of all facts that its expressions ask for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.expressions().flat_map(|(_, expression)| expression.names())
    }

    /// The facts that its sentences tell.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.placeholders.iter().map(|(_, fact)| fact.as_str())
    }

    /// Its expressions, with the key each stands under.
    pub fn expressions(&self) -> impl Iterator<Item = (&'static str, &Expression)> {
        [("when", &self.when), ("shows", &self.shows), ("contradicts", &self.contradicts)]
            .into_iter()
            .filter_map(|(key, expression)| Some((key, expression.as_ref()?)))
    }
}

/// A claim of the notes.
#[derive(Debug)]
pub struct Claim {
    /// Its name in the contract; never changes.
    pub id: String,
    /// Index into [`topics`].
    pub topic: usize,
    /// OSI layer it is about; may be empty.
    pub layer: String,
    /// What is claimed.
    pub text: Text,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What is right instead; may be empty.
    pub correction: Text,
    /// What limits a claim that stands; may be empty.
    pub rider: Text,
    /// What this entry said before and was wrong; may be empty.
    pub revised: Text,
    /// Where the notes say it.
    pub sources: Vec<Place>,
    /// Who says what is right, e.g. `RFC 9293 section 3.5`.
    pub authority: Vec<String>,
    /// For a conflict between notes: who says what.
    pub positions: Vec<Position>,
    /// What is asked of packets.
    pub checks: Vec<Check>,
    /// Whether all checks together show it, and not each alone.
    pub together: bool,
    /// Bundled captures that show or contradict it.
    pub captures: Vec<String>,
    /// Why no packet can tell; empty where there are checks.
    pub unobservable: Text,
}

impl Claim {
    /// The name of its topic.
    pub fn topic_name(&self) -> &'static str {
        topics()[self.topic].name
    }

    /// Whether notes contradict each other here.
    pub fn is_conflict(&self) -> bool {
        self.id.starts_with("note-conflict-")
    }
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/notes/", $name, ".toml")))),*]
    };
}

/// The files, in the order in which topics are shown.
#[rustfmt::skip]
static FILES: &[(&str, &str)] = files![
    "osi-model"
    "tcpip-model"
    "encapsulation"
    "ethernet"
    "arp"
    "ip"
    "icmp"
    "dhcp"
    "network-devices"
    "load-balancing"
    "ports"
    "udp"
    "sockets"
    "tcp-handshake"
    "tcp-state"
    "tcp-reliability"
    "tcp-stream"
    "tcp-teardown"
    "tcp-time-wait"
    "dns"
    "http"
    "http-web"
    "tls"
    "rpc"
    "ssh"
];

struct Ledger {
    topics: Vec<Topic>,
    claims: Vec<Claim>,
}

fn ledger() -> &'static Ledger {
    static CELL: OnceLock<Ledger> = OnceLock::new();
    CELL.get_or_init(|| {
        let mut ledger = Ledger { topics: Vec::new(), claims: Vec::new() };
        for (name, source) in FILES {
            // The files are part of the program: a test reads them all.
            if let Err(why) = ledger.read(name, source) {
                panic!("docs/notes/{name}.toml: {why}");
            }
        }
        ledger
    })
}

/// All topics, in order.
pub fn topics() -> &'static [Topic] {
    &ledger().topics
}

/// All claims, by topic and in the files' order.
pub fn all() -> &'static [Claim] {
    &ledger().claims
}

/// The claim of that name.
///
/// # Errors
/// The names nearest to it, best first; may be none.
pub fn by_id(id: &str) -> Result<&'static Claim, Vec<&'static str>> {
    all().iter().find(|claim| claim.id == id).ok_or_else(|| nearest(id))
}

/// The claims that a bundled capture shows or contradicts.
pub fn of_capture(name: &str) -> impl Iterator<Item = &'static Claim> {
    all().iter().filter(move |claim| claim.captures.iter().any(|capture| capture == name))
}

/// How many names to offer for one that does not exist.
const OFFERED: usize = 3;

fn nearest(id: &str) -> Vec<&'static str> {
    let id = id.to_lowercase();
    let slips = (id.chars().count() / 4).max(1);
    let mut found: Vec<_> = all()
        .iter()
        .filter_map(|claim| {
            let distance = strsim::osa_distance(&id, &claim.id);
            let part = id.len() > 2 && claim.id.contains(id.as_str());
            (distance <= slips || part).then_some((distance, claim.id.as_str()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(OFFERED).map(|(_, id)| id).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    title_en: String,
    title_zh: String,
    claim: Vec<RawClaim>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaim {
    id: String,
    #[serde(default)]
    layer_osi: String,
    en: String,
    zh: String,
    verdict: Verdict,
    #[serde(default)]
    correction_en: String,
    #[serde(default)]
    correction_zh: String,
    #[serde(default)]
    revised_en: String,
    #[serde(default)]
    revised_zh: String,
    #[serde(default)]
    rider_en: String,
    #[serde(default)]
    rider_zh: String,
    sources: Vec<Place>,
    authority: Vec<String>,
    #[serde(default)]
    position: Vec<RawPosition>,
    #[serde(default)]
    check: Vec<RawCheck>,
    #[serde(default)]
    together: bool,
    #[serde(default)]
    captures: Vec<String>,
    #[serde(default)]
    unobservable_en: String,
    #[serde(default)]
    unobservable_zh: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPosition {
    sources: Vec<Place>,
    en: String,
    zh: String,
    stands: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    on: String,
    when: Option<String>,
    shows: Option<String>,
    contradicts: Option<String>,
    #[serde(default)]
    right: Right,
    #[serde(default)]
    shown_en: String,
    #[serde(default)]
    shown_zh: String,
    #[serde(default)]
    contradicted_en: String,
    #[serde(default)]
    contradicted_zh: String,
}

impl Ledger {
    fn read(&mut self, name: &'static str, source: &str) -> Result<(), String> {
        let file: RawFile = toml::from_str(source).map_err(|e| e.to_string())?;
        let topic = self.topics.len();
        self.topics.push(Topic { name, title: [file.title_en, file.title_zh] });
        for raw in file.claim {
            let id = raw.id.clone();
            self.claims.push(claim(raw, topic).map_err(|why| format!("{id}: {why}"))?);
        }
        Ok(())
    }
}

fn claim(raw: RawClaim, topic: usize) -> Result<Claim, String> {
    let position = |p: RawPosition| Position { sources: p.sources, text: [p.en, p.zh], stands: p.stands };
    Ok(Claim {
        id: raw.id,
        topic,
        layer: raw.layer_osi,
        text: [raw.en, raw.zh],
        verdict: raw.verdict,
        correction: [raw.correction_en, raw.correction_zh],
        rider: [raw.rider_en, raw.rider_zh],
        revised: [raw.revised_en, raw.revised_zh],
        sources: raw.sources,
        authority: raw.authority,
        positions: raw.position.into_iter().map(position).collect(),
        checks: raw.check.into_iter().map(check).collect::<Result<_, _>>()?,
        together: raw.together,
        captures: raw.captures,
        unobservable: [raw.unobservable_en, raw.unobservable_zh],
    })
}

fn check(raw: RawCheck) -> Result<Check, String> {
    let parse = |source: Option<String>| {
        let read = |source: String| Expression::parse(&source).map_err(|e| format!("{source:?}: {e:?}"));
        source.map(read).transpose()
    };
    let mut check = Check {
        on: On::from_name(&raw.on).ok_or_else(|| format!("on = {:?}: no such kind", raw.on))?,
        when: parse(raw.when)?,
        shows: parse(raw.shows)?,
        contradicts: parse(raw.contradicts)?,
        right: raw.right,
        shown: [raw.shown_en, raw.shown_zh],
        contradicted: [raw.contradicted_en, raw.contradicted_zh],
        placeholders: Vec::new(),
    };
    for template in check.shown.iter().chain(&check.contradicted) {
        for name in placeholders(template) {
            if name == "packet" || check.placeholders.iter().any(|(known, _)| known == name) {
                continue;
            }
            let fact = vocabulary::of_placeholder(name).ok_or_else(|| format!("{{{name}}}: no such name"))?;
            check.placeholders.push((name.to_owned(), fact.to_owned()));
        }
    }
    Ok(check)
}

/// The names in braces; `{name|one|many}` and `{name?text}` name theirs first.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
        (end > 0 && rest[end..].starts_with(['}', '|', '?'])).then(|| &rest[..end])
    })
}
