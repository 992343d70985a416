//! `dsmil read`.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use dsmil::DeviceId;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::Page;

/// Read the data of one device (raw bytes to standard output)
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The device, such as 0x8003 or 32771
    id: DeviceId,

    /// Show the bytes as text, sixteen a line
    #[arg(long)]
    hex: bool,

    /// Write the bytes to a file, which is replaced
    #[arg(long, value_name = "FILE", conflicts_with = "hex")]
    out: Option<PathBuf>,
}

impl Read {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let output = context.output();
        let raw = !self.hex && self.out.is_none() && !output.is_json() && !context.is_dry_run();
        if raw && output.is_terminal() {
            return Err(Failure::Usage("raw bytes don't go to a terminal: use --hex, --out FILE, or a pipe".into()));
        }
        let data = context.open()?.read(self.id)?;
        if let Some(path) = &self.out {
            fs::write(path, &data).map_err(|source| Failure::Write { path: path.clone(), source })?;
            let line = format!("{} bytes of {} in {}", data.len(), self.id, path.display());
            let document = json!({ "id": self.id.to_string(), "bytes": data.len(), "out": path.to_string_lossy() });
            return Ok(Answer::new(document, Page::of(line)));
        }
        let document = json!({ "id": self.id.to_string(), "bytes": data.len(), "hex": compact(&data) });
        let mut answer = Answer::new(document, Page::verbatim(dump(&data)));
        answer.bytes = raw.then_some(data);
        Ok(answer)
    }
}

fn compact(data: &[u8]) -> String {
    data.iter().fold(String::with_capacity(data.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Offset, sixteen bytes, and what of them is text.
fn dump(data: &[u8]) -> String {
    let mut out = String::new();
    for (line, bytes) in data.chunks(16).enumerate() {
        let hex: Vec<_> =
            bytes.chunks(8).map(|half| half.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")).collect();
        let text: String = bytes.iter().map(|byte| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '.' }).collect();
        let _ = writeln!(out, "{:08x}  {:<48}  |{text}|", line * 16, hex.join("  "));
    }
    out
}
