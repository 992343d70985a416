//! What the crate can do with a plan, from a shell:
//! `plan lint|show|dot|svg|gantt|gantt-svg|simulate|json|toml FILE [RUNS [SEED]]`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fs};

use dsmil_plan::{Mode, Plan};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [what, file, numbers @ ..] = args.as_slice() else {
        eprintln!("plan lint|show|dot|svg|gantt|gantt-svg|simulate|json|toml FILE [RUNS [SEED]]");
        return ExitCode::from(2);
    };
    let read = |path: &str| fs::read_to_string(path).map_err(|error| error.to_string());
    let plan = read(file).and_then(|text| Plan::parse(&text, file, &read).map_err(|error| error.to_string()));
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let number = |at: usize| numbers.get(at).and_then(|number| number.parse::<u32>().ok());
    let mut simulation = plan.simulation();
    if let Some(runs) = number(0) {
        simulation = simulation.runs(runs);
    }
    if let Some(seed) = number(1) {
        simulation = simulation.seed(u64::from(seed));
    }
    let text = match what.as_str() {
        "lint" => plan.lint().iter().fold(String::new(), |text, lint| text + &lint.to_string() + "\n"),
        "show" => plan.graph().show(),
        "dot" => plan.graph().to_dot(),
        "svg" => plan.graph().to_svg(),
        "gantt" => plan.timeline(Mode::Dynamic).gantt_text(120),
        "gantt-svg" => plan.timeline(Mode::Dynamic).gantt_svg(),
        "simulate" => simulation.run().to_string(),
        "json" => serde_json::to_string_pretty(&simulation.run()).unwrap_or_default() + "\n",
        "toml" => plan.to_toml(),
        other => {
            eprintln!("{other} is not known here");
            return ExitCode::from(2);
        }
    };
    // Who has read enough closes the pipe; that is no fault.
    drop(io::stdout().write_all(text.as_bytes()));
    ExitCode::SUCCESS
}
