use dsmil_protocol::DeviceId;
use dsmil_quarantine::Cleared;

fn main() {
    let _: Cleared = DeviceId::new(0x8009).into();
}
