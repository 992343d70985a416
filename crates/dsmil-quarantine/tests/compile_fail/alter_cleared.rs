use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Operation, Quarantine};

fn main() {
    let mut cleared = Quarantine::new().clear(DeviceId::new(0x8003), Operation::Read, 0).unwrap();
    cleared.id = DeviceId::new(0x8009);
}
