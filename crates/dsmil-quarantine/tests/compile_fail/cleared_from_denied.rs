use dsmil_quarantine::{Cleared, Denied};

fn insist(denied: Denied) -> Cleared {
    denied.into()
}

fn main() {
    let _ = insist;
}
