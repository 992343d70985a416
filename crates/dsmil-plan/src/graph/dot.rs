//! The graph for Graphviz.

use std::fmt::Write;

use super::{EdgeKind, Graph, StepKind};
use crate::text::{brief, plain};

impl Graph<'_> {
    /// The graph in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut dot = String::new();
        _ = writeln!(dot, "digraph {} {{", quoted(self.plan().name()));
        dot.push_str("  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (at, step) in self.steps().iter().enumerate() {
            let time = match (step.start, step.end) {
                (Some(start), Some(end)) => format!("{} to {}", brief(start), brief(end)),
                _ => "when needed".to_owned(),
            };
            let shape = match step.kind {
                StepKind::Worker => "box",
                StepKind::Stage => "box3d",
                StepKind::Phase => "cds",
            };
            let colour = if step.is_critical { ", color=\"#c0392b\", penwidth=2" } else { "" };
            let style = if step.start.is_none() { ", style=dashed" } else { "" };
            let label = quoted(&format!("{}\u{1}{time}", step.name)).replace('\u{FFFD}', "\\n");
            _ = writeln!(dot, "  n{at} [label={label}, shape={shape}{colour}{style}];");
        }
        for edge in self.edges() {
            let style = match edge.kind {
                EdgeKind::Needs | EdgeKind::Phase => "",
                EdgeKind::Alongside => " [style=dashed]",
                EdgeKind::Trigger => " [style=dotted, label=\"trigger\"]",
                EdgeKind::Fallback => " [style=dotted, label=\"fallback\"]",
                EdgeKind::Helps => " [style=dotted, label=\"helps\", constraint=false]",
            };
            _ = writeln!(dot, "  n{} -> n{}{style};", edge.from, edge.to);
        }
        dot.push_str("}\n");
        dot
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('\\', "\\\\").replace('"', "\\\""))
}
