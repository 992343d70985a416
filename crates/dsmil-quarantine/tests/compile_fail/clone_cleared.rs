use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Quarantine};

fn copied<T: Copy>(_: T) {}
fn cloned<T: Clone>(_: &T) {}

fn main() {
    let cleared = Quarantine::new().clear(DeviceId::new(0x8003), Operation::Read, 0).unwrap();
    cloned(&cleared);
    copied(cleared);
}
