//! Changed copies for the claims about TIME-WAIT.

use super::{Changed, MS, bundled};

pub fn films() -> Changed {
    // A host that keeps TIME-WAIT for more than two minutes: the late FIN and its ACK, 70 s later than they were.
    let mut long = bundled("tcp-time-wait");
    for shot in &mut long[196..] {
        shot.time_ns += 70_000 * MS;
    }
    vec![("a long TIME-WAIT", long)]
}
