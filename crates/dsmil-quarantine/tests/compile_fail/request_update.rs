use dsmil_protocol::DeviceId;
use dsmil_quarantine::Request;

fn main() {
    let _ = Request { id: Some(DeviceId::new(0x8009)), ..Request::GET_VERSION };
}
