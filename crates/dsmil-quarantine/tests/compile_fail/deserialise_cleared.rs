use dsmil_quarantine::Cleared;

fn main() {
    let _: Cleared = serde_json::from_str(r#"{ "id": 32777, "operation": "read" }"#).unwrap();
}
