//! The timeline as text, for a terminal.

use std::fmt::Write;

use super::{groups, tick};
use crate::simulate::{BarKind, Outcome, Timeline};
use crate::text::{brief, cut, plain};

/// The narrowest picture that still shows something.
const NARROWEST: usize = 40;

impl Timeline {
    /// The timeline as lines of at most `width` characters (at least 40): `█` a step that is being done, `▓` one on which the
    /// end depends, `░` one that waits for a gate, a limit or a person.
    pub fn gantt_text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let longest = self.rows.iter().map(|row| row.name.chars().count() + 2).max().unwrap_or(0);
        let label = longest.clamp(8, width / 3);
        let room = width - label - 1;
        let mut text = format!("{}\n", cut(&plain(&self.title), width));
        let outcome = match &self.outcome {
            Outcome::Completed => "completed".to_owned(),
            Outcome::Failed { step } => format!("failed at {step}"),
            Outcome::Paused { step } => format!("paused at {step}"),
            Outcome::RolledBack { step } => format!("rolled back at {step}"),
            Outcome::Stuck => "stuck: a gate holds without end".to_owned(),
        };
        let summary = format!(
            "{outcome} after {}; at most {} workers and a load of {} % at once",
            brief(self.end),
            self.peak_workers,
            self.peak_load
        );
        _ = writeln!(text, "{}", cut(&summary, width));
        let (axis, marks) = self.axis(room);
        _ = writeln!(text, "{:label$} {}", "", axis.trim_end());
        _ = writeln!(text, "{:label$} {marks}", "");
        for (group, rows) in groups(&self.rows) {
            if let Some(group) = group {
                _ = writeln!(text, "{}", cut(&plain(group), width));
            }
            for row in rows {
                let mut line = vec![' '; room];
                for bar in &row.bars {
                    let (from, to) = (self.cell(bar.from, room), self.cell(bar.to, room));
                    let sign = match bar.kind {
                        BarKind::Waits => '░',
                        BarKind::Works if row.is_critical => '▓',
                        BarKind::Works => '█',
                    };
                    // Also what is too short for one character is seen.
                    for cell in &mut line[from.min(room - 1)..to.max(from + 1).min(room).max(from.min(room - 1) + 1)] {
                        *cell = sign;
                    }
                }
                let name = cut(&plain(&row.name), label - if group.is_some() { 2 } else { 0 });
                let name = if group.is_some() { format!("  {name}") } else { name };
                let line: String = line.into_iter().collect();
                let own = format!("{name:label$} {line}");
                let note = if row.bars.is_empty() { format!("{name:label$} not run") } else { own };
                _ = writeln!(text, "{}", note.trim_end());
            }
        }
        text
    }

    /// Which character a time falls on.
    fn cell(&self, time: i64, room: usize) -> usize {
        let end = i128::from(self.end.max(1));
        usize::try_from(i128::from(time) * room as i128 / end).unwrap_or(0)
    }

    fn axis(&self, room: usize) -> (String, String) {
        let step = tick(self.end, room / 9);
        let (mut axis, mut marks) = (vec![' '; room], vec!['─'; room]);
        let mut time = 0;
        while time <= self.end {
            let at = self.cell(time, room);
            let label: Vec<char> = if time == 0 { vec!['0'] } else { brief(time).chars().collect() };
            if at + label.len() <= room {
                marks[at] = '┬';
                label.into_iter().enumerate().for_each(|(offset, c)| axis[at + offset] = c);
            }
            time += step;
        }
        (axis.into_iter().collect(), marks.into_iter().collect())
    }
}
