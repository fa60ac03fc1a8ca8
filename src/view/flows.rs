//! Conversations as a table.
//!
//! Leaves out: columns' widths (`render::text::table`).

use super::annotate::{is_opened, party_name};
use super::say::{self, thousands};
use super::span::Role;
use crate::flow::{Datum, FlowProtocol, FlowRecord};
use crate::words::{self, Lang};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands in it.
    pub title: String,
    /// Whether it holds numbers: they stand at the right.
    pub number: bool,
    /// Where there is no room for all columns those with the highest rank are left out; 0 never.
    pub rank: u8,
}

impl Column {
    /// A column that is never left out.
    pub fn new(title: &str, number: bool) -> Column {
        Column { title: title.to_owned(), number, rank: 0 }
    }
}

/// A table of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// Cells, as many a row as there are columns.
    pub rows: Vec<Vec<(String, Role)>>,
    /// What follows it: what was left out.
    pub rest: Vec<String>,
    /// Said where columns are left out for want of room; `{columns}` are their titles.
    pub narrow: String,
}

/// Keeps the conversations that a table of limited length shows.
#[derive(Debug)]
pub struct Chooser {
    limit: usize,
    kept: Vec<FlowRecord>,
    seen: u64,
}

impl Chooser {
    /// A table of at most so many rows.
    pub fn new(limit: usize) -> Chooser {
        Chooser { limit, kept: Vec::new(), seen: 0 }
    }

    /// One more conversation.
    pub fn take(&mut self, record: &FlowRecord) {
        self.seen += 1;
        self.kept.push(record.clone());
        // Sorting now and then costs less than keeping order, and memory stays bounded.
        if self.kept.len() >= self.limit.saturating_mul(2).saturating_add(1024) {
            self.rank();
        }
    }

    fn rank(&mut self) {
        self.kept.sort_by_key(|r| std::cmp::Reverse(importance(r)));
        self.kept.truncate(self.limit);
    }

    /// The table, in order of beginning; `file` is for the command that shows the rest.
    pub fn table(mut self, lang: Lang, file: &str) -> Table {
        let left = self.seen.saturating_sub(self.limit as u64);
        if left > 0 {
            self.rank();
        }
        self.kept.sort_by_key(|r| r.id);
        let mut table = Table { columns: columns(lang), ..Table::default() };
        table.narrow = say::word(lang, "screen.columns-hidden").to_owned();
        table.rows.extend(self.kept.iter().map(|record| row(lang, record)));
        if left > 0 {
            let (left, seen) = (thousands(left), self.seen.to_string());
            table.rest.push(say::text(
                lang,
                "screen.flows-more",
                &[("n", &left), ("all", &seen), ("file", file)],
            ));
        }
        table
    }
}

/// What failed before what was resent before what is big.
fn importance(record: &FlowRecord) -> (bool, u64, u64) {
    let bytes = record.bytes.iter().sum();
    match &record.tcp {
        Some(tcp) => (tcp.troubles > 0, tcp.retransmitted.iter().sum::<u64>().min(1), bytes),
        None => (false, 0, bytes),
    }
}

fn columns(lang: Lang) -> Vec<Column> {
    [
        ("flows.id", true, 0),
        ("flows.protocol", false, 0),
        ("flows.client", false, 0),
        ("flows.server", false, 0),
        ("flows.application", false, 4),
        ("flows.packets", true, 5),
        ("flows.bytes", true, 2),
        ("flows.duration", true, 3),
        ("flows.opening", false, 0),
        ("flows.closing", false, 0),
        ("flows.states", false, 7),
        ("flows.rtt", true, 6),
        ("flows.retransmitted", true, 1),
    ]
    .map(|(id, number, rank)| Column { title: say::word(lang, id).to_owned(), number, rank })
    .into()
}

fn row(lang: Lang, record: &FlowRecord) -> Vec<(String, Role)> {
    let both = |n: [u64; 2]| format!("{}/{}", thousands(n[0]), thousands(n[1]));
    let protocol = match record.protocol {
        FlowProtocol::Tcp => "TCP",
        FlowProtocol::Udp => "UDP",
        FlowProtocol::Icmp => "ICMP",
        FlowProtocol::Arp => "ARP",
    };
    let mut cells = vec![
        (record.id.to_string(), Role::Strong),
        (format!("{protocol} {}", record.stream), Role::Protocol),
        (party_name(&record.client), Role::Client),
        (party_name(&record.server), Role::Server),
        (record.application.unwrap_or("").to_owned(), Role::Plain),
        (both(record.packets), Role::Plain),
        (both(record.bytes), Role::Plain),
        (say::duration(lang, record.end_ns.saturating_sub(record.start_ns)), Role::Plain),
    ];
    let Some(tcp) = &record.tcp else {
        cells.extend(std::iter::repeat_n((String::new(), Role::Plain), 5));
        return cells;
    };
    let opening = match tcp.opening {
        "refused" | "unanswered" | "reset-during" => Role::Warn,
        "not-captured" => Role::Dim,
        _ => Role::Plain,
    };
    let closing = match tcp.closing {
        "reset-by-client" | "reset-by-server" => Role::Warn,
        "not-captured" => Role::Dim,
        _ => Role::Plain,
    };
    let rtt = tcp.rtt_handshake.or(tcp.rtt.map(|r| r[1]));
    let resent = tcp.retransmitted.iter().sum::<u64>();
    cells.extend([
        (briefly(lang, "opening", tcp.opening, None), opening),
        (
            if is_opened(tcp.opening) {
                briefly(lang, "closing", tcp.closing, tcp.initiator_of_close)
            } else {
                String::new()
            },
            closing,
        ),
        (format!("{} / {}", tcp.states[0].name(), tcp.states[1].name()), Role::State),
        (rtt.map_or(String::new(), |ns| say::duration(lang, ns)), Role::Plain),
        (
            if resent == 0 { String::new() } else { both(tcp.retransmitted) },
            if resent > 0 { Role::Note } else { Role::Plain },
        ),
    ]);
    cells
}

/// How a connection opened or closed, in as few words as a column has room for.
fn briefly(lang: Lang, area: &str, kind: &str, initiator: Option<&'static str>) -> String {
    let template = words::find(lang, "interface", &format!("screen.{area}.{kind}")).unwrap_or(kind);
    let initiator = initiator.map(|who| say::datum(lang, "initiator", &Datum::Name(who)));
    words::fill(template, &|key| if key == "initiator" { initiator.clone() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manner_has_a_short_word() {
        let openings = [
            "three-way",
            "simultaneous",
            "fast-open",
            "refused",
            "unanswered",
            "reset-during",
            "not-captured",
        ];
        let closings = [
            "four-segment",
            "three-segment",
            "simultaneous",
            "half-closed",
            "reset-by-client",
            "reset-by-server",
            "not-captured",
        ];
        for lang in [Lang::En, Lang::Zh] {
            for kind in openings {
                assert!(
                    words::find(lang, "interface", &format!("screen.opening.{kind}")).is_some(),
                    "{kind}"
                );
            }
            for kind in closings {
                assert!(
                    words::find(lang, "interface", &format!("screen.closing.{kind}")).is_some(),
                    "{kind}"
                );
            }
        }
        assert_eq!(briefly(Lang::En, "closing", "four-segment", Some("client")), "4 segments, client");
        assert_eq!(briefly(Lang::En, "closing", "four-segment", None), "4 segments");
    }
}
