//! The plan as text: what it does, in which order.

use std::fmt::Write;

use super::{Graph, Step, StepKind};
use crate::Name;
use crate::model::{Action, RollbackOn, Stage, Worker};
use crate::text::{brief, plain};

impl Graph<'_> {
    /// The plan for people: its steps by phase with their expected times, the stages with their devices, what goes on beside.
    pub fn show(&self) -> String {
        let plan = self.plan();
        let mut text = format!("{}: {}\n", plan.name(), plain(plan.title()));
        let teams: std::collections::BTreeSet<&str> = plan.workers().iter().filter_map(|worker| worker.team.as_deref()).collect();
        let counts = [
            counted(plan.workers().len(), "worker", "workers"),
            counted(teams.len(), "team", "teams"),
            counted(plan.phases().len(), "phase", "phases"),
            counted(plan.pipelines().len(), "pipeline", "pipelines"),
            counted(plan.stages().len(), "stage", "stages"),
            counted(plan.triggers().len(), "trigger", "triggers"),
        ];
        _ = writeln!(text, "{}", counts.into_iter().flatten().collect::<Vec<_>>().join(", "));
        let limits = plan.limits();
        let workers = limits.workers.map_or_else(|| "no limit of workers".to_owned(), |most| format!("at most {most} workers"));
        let window = limits.window.map(|window| format!(", window {}", brief(window.as_millis()))).unwrap_or_default();
        _ = writeln!(text, "limits: {workers}, load {} %{window}", limits.load);
        _ = writeln!(text, "critical path: {} ({})", self.critical_path().join(" -> "), brief(self.length()));
        self.steps_within(&mut text, None, "");
        for phase in plan.phases() {
            self.steps_within(&mut text, Some(&phase.name), &format!("phase {}", titled(&phase.name, phase.title.as_deref())));
        }
        for pipeline in plan.pipelines() {
            self.steps_within(
                &mut text,
                Some(&pipeline.name),
                &format!("pipeline {}", titled(&pipeline.name, pipeline.title.as_deref())),
            );
        }
        self.rest(&mut text);
        text
    }

    fn steps_within(&self, text: &mut String, within: Option<&str>, heading: &str) {
        let own = |step: &&Step| step.within.as_deref() == within && step.kind != StepKind::Phase;
        let steps: Vec<&Step> = self.steps().iter().filter(own).collect();
        if steps.is_empty() {
            return;
        }
        _ = writeln!(text, "\n{}", if heading.is_empty() { "steps" } else { heading });
        for step in steps {
            let time = match (step.start, step.end) {
                (Some(start), Some(end)) => format!("{:>8} {:>8}", brief(start), brief(end)),
                _ => format!("{:>17}", "when needed"),
            };
            let sign = if step.is_critical { '*' } else { ' ' };
            _ = writeln!(text, "{time} {sign}{}", self.line(step));
        }
    }

    fn line(&self, step: &Step) -> String {
        let plan = self.plan();
        if let Some(worker) = plan.worker(&step.name) {
            return worker_line(worker);
        }
        let Some(stage) = plan.stages().iter().find(|stage| *stage.name == *step.name) else { return step.name.clone() };
        let (before, after) = plan.reach_of(&stage.name).unwrap_or_default();
        stage_line(stage, before, after, &plan.devices_of(stage).iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn rest(&self, text: &mut String) {
        let plan = self.plan();
        if !plan.triggers().is_empty() {
            text.push_str("\ntriggers\n");
        }
        for trigger in plan.triggers() {
            let on = match &trigger.on {
                crate::On::Completed(names) => format!("when {} completed", have(names)),
                crate::On::Failed(names) => format!("when one of {} fails", list(names)),
                crate::On::Verdict(of) => format!("when gate {} says {}", of.gate, of.is),
                crate::On::Time(time) => format!("after {}", brief(time.as_millis())),
            };
            let gate = trigger.condition.gate.as_ref().map(|gate| format!(", if gate {gate} goes")).unwrap_or_default();
            let running = &trigger.condition.running;
            let running = if running.is_empty() { String::new() } else { format!(", while {} still runs", list(running)) };
            let again = trigger.recheck.map(|time| format!(", else again after {}", brief(time.as_millis()))).unwrap_or_default();
            _ = writeln!(text, "  {}: {on}{gate}{running}{again}: start {}", trigger.name, list(&trigger.start));
        }
        if !plan.rollbacks().is_empty() {
            text.push_str("\nrollbacks\n");
        }
        for rollback in plan.rollbacks() {
            let on = match &rollback.on {
                RollbackOn::Verdict(of) => format!("gate {} says {}", of.gate, of.is),
                RollbackOn::Failed(names) if names.len() == 1 => format!("{} fails", list(names)),
                RollbackOn::Failed(names) => format!("one of {} fails", list(names)),
                RollbackOn::DeviceFailures(share) => format!("more than {share} % of a stage's devices fail"),
            };
            let within = brief(rollback.within.as_millis());
            let start = if rollback.start.is_empty() { String::new() } else { format!(", with {}", list(&rollback.start)) };
            _ = writeln!(text, "  {}: when {on}: to {} within {within}{start}", rollback.name, rollback.to);
        }
        if !plan.escalations().is_empty() {
            text.push_str("\nescalations\n");
        }
        for escalation in plan.escalations() {
            let level = |level: &crate::Level| {
                let whom = if level.whom.is_empty() { String::new() } else { list(&level.whom) };
                let what = match level.response {
                    crate::Response::Notify => String::new(),
                    crate::Response::Pause => "pause".to_owned(),
                    crate::Response::Abort => "abort".to_owned(),
                    crate::Response::RollBack => "roll back".to_owned(),
                    crate::Response::EmergencyStop => "emergency stop".to_owned(),
                };
                let within =
                    level.within.filter(|time| time.as_millis() > 0).map(|time| format!("({})", brief(time.as_millis())));
                [whom, what, within.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
            };
            let levels: Vec<String> = escalation.level.iter().map(level).collect();
            _ = writeln!(text, "  {}: {}", escalation.name, levels.join(" -> "));
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    }
}

fn titled(name: &Name, title: Option<&str>) -> String {
    title.map_or_else(|| name.to_string(), |title| format!("{name}: {}", plain(title)))
}

fn list(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

fn have(names: &[Name]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "has" } else { "have" })
}

fn worker_line(worker: &Worker) -> String {
    let mut line = worker.id.to_string();
    if let Some(role) = &worker.role {
        _ = write!(line, ", {}", plain(role));
    }
    if let Some(team) = &worker.team {
        _ = write!(line, " ({})", plain(team));
    }
    if worker.load.millionths() > 0 {
        _ = write!(line, ", load {} %", worker.load);
    }
    let what = match worker.action() {
        Action::Command(command) => format!("runs {}", plain(&command.join(" "))),
        Action::Builtin(builtin) => builtin.name().to_owned(),
        Action::Callback(name) => format!("calls {}", plain(name)),
    };
    _ = write!(line, ": {what}");
    for (word, names) in [("after", &worker.needs), ("alongside", &worker.alongside), ("until", &worker.until)] {
        if !names.is_empty() {
            _ = write!(line, "; {word} {}", list(names));
        }
    }
    if let Some(help) = &worker.helps {
        _ = write!(line, "; helps {}", help.worker);
    }
    if let Some(fallback) = &worker.fallback {
        _ = write!(line, "; else {fallback}");
    }
    for (word, gate) in [("entry", &worker.entry), ("success", &worker.success)] {
        if let Some(gate) = gate {
            _ = write!(line, "; {word} gate {gate}");
        }
    }
    line
}

fn stage_line(stage: &Stage, before: usize, after: usize, devices: &[String]) -> String {
    let mut line = stage.name.to_string();
    if devices.is_empty() {
        let shares: Vec<String> = stage.percent.iter().map(|share| format!("{share} %")).collect();
        _ = write!(line, ": {}", shares.join(" -> "));
    } else {
        _ = write!(line, ": {before} -> {after} devices");
        if !stage.percent.is_empty() {
            let shares: Vec<String> = stage.percent.iter().map(|share| format!("{share} %")).collect();
            _ = write!(line, " in steps of {}", shares.join(", "));
        } else if stage.batch == 1 {
            line.push_str(", one at a time");
        } else {
            _ = write!(line, ", {} at once", stage.batch);
        }
        _ = write!(line, ": {}", devices.join(" "));
    }
    if !stage.needs.is_empty() {
        _ = write!(line, "; after {}", list(&stage.needs));
    }
    if !stage.alongside.is_empty() {
        _ = write!(line, "; alongside {}", list(&stage.alongside));
    }
    for (word, gate) in [("entry", &stage.entry), ("exit", &stage.exit)] {
        if let Some(gate) = gate {
            _ = write!(line, "; {word} gate {gate}");
        }
    }
    if !stage.background.is_empty() {
        _ = write!(line, "; watched by {}", list(&stage.background));
    }
    if let Some(approval) = &stage.approval {
        _ = write!(line, "; approved by {}", list(&approval.by));
    }
    line
}
