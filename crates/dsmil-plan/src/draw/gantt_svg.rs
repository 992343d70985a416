//! The timeline as a picture.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{STAGE, STYLE, groups, tick, tint};
use crate::graph::StepKind;
use crate::simulate::{BarKind, Row, Timeline};
use crate::text::{brief, cut, escaped, number};

const LABEL: i64 = 230;
const ROOM: i64 = 900;
const ROW: i64 = 22;
const HEAD: i64 = 88;
const MARGIN: i64 = 20;

impl Timeline {
    /// The timeline as a self-contained SVG: bars coloured by team, the critical path outlined in red, waiting hatched. No
    /// script, no font, no address; everything from the plan is escaped.
    pub fn gantt_svg(&self) -> String {
        let groups = groups(&self.rows);
        let lines: i64 = groups.iter().map(|(group, rows)| number(rows.len()) + i64::from(group.is_some())).sum();
        let (width, height) = (LABEL + ROOM + 3 * MARGIN, HEAD + ROW * lines + MARGIN);
        let title = escaped(&self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
        );
        svg.push_str("<defs><pattern id=\"wait\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#fff\"/><rect width=\"2\" height=\"6\" fill=\"#99a\"/></pattern></defs>\n");
        _ = writeln!(svg, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
        _ = writeln!(svg, "<text class=\"h\" x=\"{MARGIN}\" y=\"28\">{title}</text>");
        let legend = format!(
            "{} in all; at most {} workers and a load of {} % at once; red: the end depends on it; hatched: waits",
            brief(self.end),
            self.peak_workers,
            self.peak_load
        );
        _ = writeln!(svg, "<text class=\"s\" x=\"{MARGIN}\" y=\"48\">{}</text>", escaped(&legend));
        self.grid(&mut svg, height - MARGIN);
        let mut teams: BTreeMap<&str, usize> = BTreeMap::new();
        let mut y = HEAD;
        for (group, rows) in groups {
            if let Some(group) = group {
                _ = writeln!(svg, "<text class=\"g\" x=\"{MARGIN}\" y=\"{}\">{}</text>", y + 15, escaped(&cut(group, 60)));
                y += ROW;
            }
            for row in rows {
                let count = teams.len();
                let team = row.team.as_deref().map(|team| *teams.entry(team).or_insert(count));
                self.row_svg(&mut svg, row, y, team);
                y += ROW;
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn x(&self, time: i64) -> i64 {
        let end = i128::from(self.end.max(1));
        MARGIN + LABEL + i64::try_from(i128::from(time) * i128::from(ROOM) / end).unwrap_or(0)
    }

    fn grid(&self, svg: &mut String, bottom: i64) {
        let step = tick(self.end, 10);
        let mut time = 0;
        while time <= self.end {
            let (x, label) = (self.x(time), if time == 0 { "0".to_owned() } else { brief(time) });
            _ = writeln!(svg, "<path d=\"M{x} {}V{bottom}\" stroke=\"#dde\"/>", HEAD - 8);
            _ = writeln!(svg, "<text class=\"a\" x=\"{x}\" y=\"{}\">{label}</text>", HEAD - 14);
            time += step;
        }
    }

    fn row_svg(&self, svg: &mut String, row: &Row, y: i64, team: Option<usize>) {
        let times = match (row.start, row.end) {
            (Some(start), Some(end)) => format!("{} to {}", brief(start), brief(end)),
            _ => "not run".to_owned(),
        };
        _ = writeln!(svg, "<g><title>{}: {times}</title>", escaped(&row.name));
        _ = writeln!(svg, "<text class=\"l\" x=\"{}\" y=\"{}\">{}</text>", MARGIN + 12, y + 15, escaped(&cut(&row.name, 32)));
        let own = if row.kind == StepKind::Stage { STAGE } else { tint(team) };
        for bar in &row.bars {
            let (x, width) = (self.x(bar.from), (self.x(bar.to) - self.x(bar.from)).max(2));
            let (fill, line) = match bar.kind {
                BarKind::Waits => ("url(#wait)", "#99a"),
                BarKind::Works if row.is_critical => (own, "#c0392b"),
                BarKind::Works => (own, "#556"),
            };
            _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\" rx=\"2\" fill=\"{fill}\" stroke=\"{line}\"/>",
                y + 3,
                ROW - 6
            );
        }
        svg.push_str("</g>\n");
    }
}
