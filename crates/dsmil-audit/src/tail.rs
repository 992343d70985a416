//! The last records.

use std::collections::VecDeque;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use crate::dir::{self, Dir};
use crate::error::AuditError;
use crate::lines::{End, next_line};
use crate::record::Record;

/// The last `n` records, oldest first. Lines that are no record are passed over: [`verify`](crate::verify()) names them.
/// Reads the newest files only, as many as `n` needs; holds the lock for as long as it takes to open them. Blocks.
pub fn tail(dir: impl AsRef<Path>, n: usize) -> Result<Vec<Record>, AuditError> {
    let dir = Dir::new(dir.as_ref());
    let (live, mut rotated) = {
        let _turn = dir.lock_shared(Duration::from_secs(5))?;
        (dir::open_if_there(&dir.live(), false)?, dir.rotated()?)
    };
    let mut records: VecDeque<Record> = VecDeque::new();
    let mut file = live.map(|file| (file, dir.live()));
    while records.len() < n {
        if let Some((file, path)) = file.take() {
            let newest = last_records(BufReader::new(file), n - records.len()).map_err(AuditError::io("read", &path))?;
            newest.into_iter().rev().for_each(|record| records.push_front(record));
        }
        let Some(next) = rotated.pop() else { break };
        file = dir::open_if_there(&next.path, false)?.map(|file| (file, next.path));
    }
    Ok(records.into())
}

fn last_records(mut reader: BufReader<std::fs::File>, n: usize) -> std::io::Result<VecDeque<Record>> {
    let (mut lines, mut line) = (VecDeque::new(), Vec::new());
    while let Some(end) = next_line(&mut reader, &mut line)? {
        if end == End::Whole {
            if lines.len() == n {
                lines.pop_front();
            }
            lines.push_back(std::mem::take(&mut line));
        }
    }
    Ok(lines.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
