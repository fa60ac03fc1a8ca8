//! Conversations as a table.
//!
//! Leaves out: columns' widths (`render::text::table`).

use super::annotate::{manner, party_name};
use super::say::{self, thousands};
use super::span::Role;
use crate::flow::{FlowProtocol, FlowRecord};
use crate::words::Lang;

/// A table of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Titles of the columns, and whether they hold numbers.
    pub columns: Vec<(String, bool)>,
    /// Cells, as many a row as there are columns.
    pub rows: Vec<Vec<(String, Role)>>,
    /// What follows it: what was left out.
    pub rest: Vec<String>,
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
        let mut table = Table { columns: columns(lang), rows: Vec::new(), rest: Vec::new() };
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

fn columns(lang: Lang) -> Vec<(String, bool)> {
    [
        ("flows.id", true),
        ("flows.protocol", false),
        ("flows.client", false),
        ("flows.server", false),
        ("flows.application", false),
        ("flows.packets", true),
        ("flows.bytes", true),
        ("flows.duration", true),
        ("flows.opening", false),
        ("flows.closing", false),
        ("flows.states", false),
        ("flows.rtt", true),
        ("flows.retransmitted", true),
    ]
    .map(|(id, number)| (say::word(lang, id).to_owned(), number))
    .into()
}

fn row(lang: Lang, record: &FlowRecord) -> Vec<(String, Role)> {
    let both = |n: [u64; 2]| format!("{} / {}", thousands(n[0]), thousands(n[1]));
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
        (manner(lang, "opening", tcp.opening, None), opening),
        (manner(lang, "closing", tcp.closing, tcp.initiator_of_close), closing),
        (format!("{} / {}", tcp.states[0].name(), tcp.states[1].name()), Role::State),
        (rtt.map_or(String::new(), |ns| say::duration(lang, ns)), Role::Plain),
        (
            if resent == 0 { String::new() } else { both(tcp.retransmitted) },
            if resent > 0 { Role::Note } else { Role::Plain },
        ),
    ]);
    cells
}
