use dsmil_quarantine::Cleared;

fn main() {
    let _: Cleared = Default::default();
}
