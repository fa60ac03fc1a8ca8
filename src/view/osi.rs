//! What a packet's fields do of the work that OSI puts at layers 5 and 6. Internet protocols have no headers for these layers; the
//! work is done all the same, by the protocols that need it.
//!
//! ISO/IEC 7498-1 clause 7.2 (presentation) and 7.3 (session), as the study notes use the words. Each line is tied to the field
//! that does the work. Leaves out: what cannot be seen in a packet. `WORK` is the table; a protocol that does such work
//! adds its rows.

use crate::wire::{Node, NodeKind, Tree, Value};

/// A piece of such work.
#[derive(Debug, Clone, Copy)]
pub struct Work<'t> {
    /// 5 or 6.
    pub osi: u8,
    /// What it is, a name in the contract; its words are `osi-work.<job>`.
    pub job: &'static str,
    /// The field that does it.
    pub node: &'t Node,
}

/// Which job a field does, if this value of it does any.
type Job = fn(&str) -> Option<&'static str>;

/// Field, OSI layer, job.
#[rustfmt::skip]
static WORK: &[(&str, u8, Job)] = &[
    ("http.cookie",             5, |_| Some("session-returned")),
    ("http.set_cookie",         5, |_| Some("session-set")),
    ("http.connection",         5, |value| has(value, &["keep-alive", "close"]).then_some("dialogue")),
    ("http.keep_alive",         5, |_| Some("dialogue")),
    ("http.request_number",     5, |_| Some("dialogue-number")),
    ("http.response_number",    5, |_| Some("dialogue-number")),
    ("http.accept",             6, |_| Some("format-offer")),
    ("http.accept_encoding",    6, |_| Some("compression-offer")),
    ("http.accept_language",    6, |_| Some("language-offer")),
    ("http.content_encoding",   6, |_| Some("compression")),
    ("http.content_type",       6, |value| Some(if has(value, &["charset"]) { "charset" } else { "format" })),
    ("http.body.charset",       6, |_| Some("charset-seen")),
    ("urlencoded-form.encoded", 6, |_| Some("form")),
    // TLS, once records are read: encryption is work of layer 6, going on with old keys is work of layer 5.
    ("tls.app_data",            6, |_| Some("encryption")),
    ("tls.handshake.session_ticket", 5, |_| Some("resumption")),
];

fn has(value: &str, words: &[&str]) -> bool {
    let value = value.to_ascii_lowercase();
    words.iter().any(|word| value.contains(word))
}

/// The work that is done in a packet, layer 5 before layer 6, each job of a field once.
pub fn work_of(tree: &Tree) -> Vec<Work<'_>> {
    let mut found: Vec<Work<'_>> = Vec::new();
    for node in tree.nodes.iter().filter(|n| matches!(n.kind, NodeKind::Leaf | NodeKind::Derived)) {
        let Some((_, osi, job)) = WORK.iter().find(|(name, ..)| *name == node.field.name) else { continue };
        let value = if let Value::Text(text) = &node.value { text.as_str() } else { "" };
        if let Some(job) = job(value)
            && !found.iter().any(|w| w.job == job && w.node.field.name == node.field.name)
        {
            found.push(Work { osi: *osi, job, node });
        }
    }
    found.sort_by_key(|work| work.osi);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Field, Recorder};

    #[test]
    fn work_is_tied_to_the_field_that_does_it() {
        static CODING: Field = Field::new("http.content_encoding");
        static CONNECTION: Field = Field::new("http.connection");
        let mut tree = Tree::default();
        tree.leaf(&CODING, 8, 32, Value::Text("gzip".into()));
        tree.leaf(&CONNECTION, 40, 40, Value::Text("Keep-Alive".into()));
        tree.leaf(&CONNECTION, 80, 56, Value::Text("Upgrade".into()));
        let work = work_of(&tree);
        let told: Vec<_> = work.iter().map(|w| (w.osi, w.job, w.node.offset())).collect();
        assert_eq!(told, [(5, "dialogue", 5), (6, "compression", 1)]);
    }

    #[test]
    fn every_job_has_words() {
        for (name, osi, job) in WORK {
            assert!(matches!(osi, 5 | 6));
            for value in ["", "keep-alive", "text/html; charset=utf-8"] {
                if let Some(job) = job(value) {
                    let id = format!("osi-work.{job}");
                    assert!(
                        crate::words::find(crate::words::Lang::En, "interface", &id).is_some(),
                        "{name}: {id}"
                    );
                }
            }
        }
    }
}
