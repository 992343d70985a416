use dsmil_quarantine::Quarantine;

fn main() {
    let mut quarantine = Quarantine::new();
    quarantine.allowed = [true; 108];
    quarantine.rules.clear();
}
