use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Cleared, Operation};

fn main() {
    let _ = Cleared { id: DeviceId::new(0x8009), operation: Operation::Read };
}
