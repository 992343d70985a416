//! Rotation and retention. The chain runs on over files; what retention removes, a record tells.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;

use crate::dir::{Dir, Rotated};
use crate::error::AuditError;
use crate::head::{Head, Point};
use crate::options::Retention;
use crate::record::{Draft, Outcome, sound};
use crate::settle::{first_sound, last_line_of};

/// The action of the records that tell of a removal.
pub(crate) const RETENTION: &str = "retention";

/// Whether the live file is full, or of an earlier day (UTC).
pub(crate) fn is_due(head: &Head, now: Timestamp, max_bytes: u64) -> bool {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    head.bytes > 0 && (head.bytes >= max_bytes || head.time.is_some_and(|last| day(now) > day(last)))
}

/// Gives the live file its rotated name. False when it can't have one (no sound record in it, or the name is taken): the
/// live file then goes on growing, which loses nothing.
pub(crate) fn rotate(dir: &Dir) -> Result<bool, AuditError> {
    let path = dir.live();
    let Some(first) = first_sound(&path)?.map(|link| link.seq) else { return Ok(false) };
    let target = dir.rotated_path(first);
    if fs::symlink_metadata(&target).is_ok() {
        return Ok(false);
    }
    fs::rename(&path, &target).map_err(AuditError::io("rename", &path))?;
    Ok(true)
}

/// What retention will remove once its records are on disk.
#[derive(Default)]
pub(crate) struct Expired {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) after: Option<Point>,
}

/// Finds the rotated files that are too old, oldest first, up to the first that is not. A file whose last line is no sound
/// record is never removed: it is evidence.
pub(crate) fn expired(dir: &Dir, head: &Head, now: Timestamp, keep: Retention) -> Result<Expired, AuditError> {
    let age = SignedDuration::from_hours(24 * i64::from(keep.days));
    let mut gone = Expired::default();
    for Rotated { first, path } in dir.rotated()? {
        if first <= head.after.seq {
            // Its removal is on record already, and was interrupted.
            gone.paths.push(path);
            continue;
        }
        let Some(last) = last_line_of(&path)?.as_deref().and_then(sound) else { break };
        if now.duration_since(last.time) <= age {
            break;
        }
        let point = Point { seq: last.seq, hash: last.hash };
        gone.drafts.push(Draft {
            action: RETENTION.into(),
            target: path.file_name().map(|name| name.to_string_lossy().into_owned()),
            new: Some(json!({ "through": point.seq, "hash": point.hash })),
            result: Some(Outcome::Ok),
            reason: Some(format!("older than {} days", keep.days)),
            ..Draft::default()
        });
        gone.paths.push(path);
        gone.after = Some(point);
    }
    Ok(gone)
}
