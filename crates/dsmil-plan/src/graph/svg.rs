//! The graph as a picture: one SVG without anything from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::layout::{BOX_HEIGHT, BOX_WIDTH, Spot, layout};
use super::{EdgeKind, Graph, Step, StepKind};
use crate::draw::{STAGE, STYLE, tint, wide};
use crate::text::{brief, cut, escaped};

const HEAD: i64 = 64;

impl Graph<'_> {
    /// The graph as a self-contained SVG: each step to the right of what it waits for, coloured by team, the critical path
    /// in red. No script, no font, no address; everything from the plan is escaped.
    pub fn to_svg(&self) -> String {
        let layout = layout(self.steps().len(), self.edges());
        let (width, height) = (layout.width.max(wide(self.plan().title())), layout.height + HEAD);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n"
        );
        let title = escaped(self.plan().title());
        let path = escaped(&self.critical_path().join(", "));
        _ = writeln!(svg, "<title>{title}</title>\n<desc>Critical path: {path}</desc>\n<style>{STYLE}</style>");
        svg.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#667\"/></marker></defs>\n");
        _ = writeln!(svg, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
        _ = writeln!(svg, "<text class=\"h\" x=\"24\" y=\"28\">{}</text>", escaped(&cut(self.plan().title(), 90)));
        let legend =
            format!("{} on the critical path (red); dashed: alongside; dotted: trigger, fallback, help", brief(self.length()));
        _ = writeln!(svg, "<text class=\"s\" x=\"24\" y=\"48\">{}</text>", escaped(&legend));
        _ = writeln!(svg, "<g transform=\"translate(0 {HEAD})\">");
        for (edge, bends) in self.edges().iter().zip(&layout.bends) {
            let critical = self.steps()[edge.from].is_critical && self.steps()[edge.to].is_critical;
            let dash = match edge.kind {
                EdgeKind::Needs | EdgeKind::Phase => "",
                EdgeKind::Alongside => " stroke-dasharray=\"7 4\"",
                EdgeKind::Trigger | EdgeKind::Fallback | EdgeKind::Helps => " stroke-dasharray=\"2 4\"",
            };
            let colour = match edge.kind {
                EdgeKind::Fallback => "#a04000",
                EdgeKind::Helps => "#1e8449",
                _ if critical => "#c0392b",
                _ => "#667",
            };
            let way = way(layout.spots[edge.from], bends, layout.spots[edge.to]);
            _ = writeln!(svg, "<path d=\"{way}\" fill=\"none\" stroke=\"{colour}\"{dash} marker-end=\"url(#tip)\"/>");
        }
        let mut teams: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, spot) in self.steps().iter().zip(&layout.spots) {
            let count = teams.len();
            let team = step.team.as_deref().map(|team| *teams.entry(team).or_insert(count));
            draw_step(&mut svg, step, *spot, team);
        }
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}

fn draw_step(svg: &mut String, step: &Step, spot: Spot, team: Option<usize>) {
    let (x, y) = (spot.x, spot.y - BOX_HEIGHT / 2);
    let fill = match step.kind {
        StepKind::Phase => "#eceff1",
        StepKind::Stage => STAGE,
        StepKind::Worker => tint(team),
    };
    let (line, width) = if step.is_critical { ("#c0392b", 2) } else { ("#556", 1) };
    let dash = if step.start.is_none() { " stroke-dasharray=\"4 3\"" } else { "" };
    let radius = if step.kind == StepKind::Phase { 22 } else { 5 };
    let time = match (step.start, step.end) {
        (Some(start), Some(end)) if start == end => format!("at {}", brief(end)),
        (Some(start), Some(end)) => format!("{} to {}", brief(start), brief(end)),
        _ => "when needed".to_owned(),
    };
    let second = match &step.team {
        Some(team) => format!("{time} · {team}"),
        None if step.kind == StepKind::Phase => format!("phase, ends at {}", step.end.map_or_else(String::new, brief)),
        None => time.clone(),
    };
    let about = about(step);
    _ = writeln!(svg, "<g><title>{}</title>", escaped(&about));
    _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"{radius}\" fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"{width}\"{dash}/>"
    );
    let (middle, name, below) = (x + BOX_WIDTH / 2, escaped(&cut(&step.name, 28)), escaped(&cut(&second, 36)));
    _ = writeln!(svg, "<text class=\"n\" x=\"{middle}\" y=\"{}\">{name}</text>", y + 20);
    _ = writeln!(svg, "<text class=\"t\" x=\"{middle}\" y=\"{}\">{below}</text></g>", y + 36);
}

/// What a picture shows of a step when one points at it.
fn about(step: &Step) -> String {
    let within = step.within.as_ref().map(|within| format!(", in {within}")).unwrap_or_default();
    format!("{}{within}; slack {}", step.name, brief(step.slack))
}

/// A smooth line from the right side of a box to the left side of another.
fn way(from: Spot, bends: &[Spot], to: Spot) -> String {
    let start = Spot { x: from.x + BOX_WIDTH, y: from.y };
    // Help goes back: from the left side of the helper to the right side of the helped, or around within a column.
    if to.x <= from.x {
        let (from, to) = (Spot { x: from.x, y: from.y + 12 }, Spot { x: to.x + BOX_WIDTH, y: to.y + 12 });
        let (out, back) = if to.x < from.x { (from.x - 40, to.x + 40) } else { (from.x + BOX_WIDTH + 50, to.x + 50) };
        let from = if to.x < from.x { from } else { Spot { x: from.x + BOX_WIDTH, ..from } };
        return format!("M{} {}C{out} {} {back} {} {} {}", from.x, from.y, from.y, to.y, to.x + 2, to.y);
    }
    let mut path = format!("M{} {}", start.x, start.y);
    let mut before = start;
    let mut go = |next: Spot| {
        let middle = i64::midpoint(before.x, next.x);
        _ = write!(path, "C{middle} {} {middle} {} {} {}", before.y, next.y, next.x, next.y);
        before = next;
    };
    for bend in bends {
        go(*bend);
        go(Spot { x: bend.x + BOX_WIDTH, y: bend.y });
    }
    go(Spot { x: to.x - 2, y: to.y });
    path
}
