//! Reads a file line by line with a bound on memory, whatever the file holds.

use std::io::{self, BufRead};

use crate::record::MAX_LINE;

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a newline.
    Whole,
    /// With a newline, but longer than a record may be: only its beginning was kept.
    TooLong,
    /// With the end of the file.
    Fragment,
}

/// Puts the next line, without its newline, into `line`. `None` at the end of the file.
pub(crate) fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<End>> {
    line.clear();
    let mut length = 0usize;
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok((length > 0).then_some(End::Fragment));
        }
        let newline = chunk.iter().position(|&b| b == b'\n');
        let part = newline.unwrap_or(chunk.len());
        length += part;
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend_from_slice(&chunk[..part.min(room)]);
        from.consume(part + usize::from(newline.is_some()));
        if newline.is_some() {
            return Ok(Some(if length > MAX_LINE { End::TooLong } else { End::Whole }));
        }
    }
}
