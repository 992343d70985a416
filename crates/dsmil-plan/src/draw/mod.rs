//! Pictures of time.

mod gantt_svg;
mod gantt_text;

/// The texts of all pictures.
pub(crate) const STYLE: &str = "text{font-family:system-ui,sans-serif;fill:#223}.h{font-size:18px;font-weight:600}.s{font-size:12px;fill:#556}.n{font-size:12px;font-weight:600;text-anchor:middle}.t{font-size:11px;fill:#445;text-anchor:middle}.l{font-size:12px}.a{font-size:11px;fill:#556;text-anchor:middle}.g{font-size:12px;font-weight:600}";

/// The colour of a stage.
pub(crate) const STAGE: &str = "#fdf2d0";

/// How wide a picture must be for its title and its legend.
pub(crate) fn wide(title: &str) -> i64 {
    crate::text::number(title.chars().count().min(90)).max(48) * 11 + 48
}

/// The colour of a team, by its number; white for none.
pub(crate) fn tint(team: Option<usize>) -> &'static str {
    const TINTS: [&str; 8] = ["#d6eaf8", "#d5f5e3", "#fadbd8", "#e8daef", "#fdebd0", "#d1f2eb", "#f9e79f", "#d6dbdf"];
    team.map_or("#ffffff", |team| TINTS[team % TINTS.len()])
}

use crate::graph::StepKind;
use crate::simulate::Row;

/// The rows by phase and pipeline: first those that belong to none, then the phases in their order, then the pipelines. Phases
/// themselves are no rows: they are the headings.
fn groups(rows: &[Row]) -> Vec<(Option<&str>, Vec<&Row>)> {
    let phases = rows.iter().filter(|row| row.kind == StepKind::Phase).map(|row| Some(row.name.as_str()));
    let mut groups: Vec<(Option<&str>, Vec<&Row>)> =
        std::iter::once(None).chain(phases).map(|group| (group, Vec::new())).collect();
    for row in rows.iter().filter(|row| row.kind != StepKind::Phase) {
        let within = row.within.as_deref();
        match groups.iter_mut().find(|(group, _)| *group == within) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((within, vec![row])),
        }
    }
    groups.retain(|(_, rows)| !rows.is_empty());
    groups
}

/// A round distance of the axis's marks, so that there are at most about so many.
fn tick(end: i64, most: usize) -> i64 {
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 86_400_000;
    const ROUND: [i64; 26] = [
        1,
        10,
        100,
        1000,
        5000,
        10_000,
        30_000,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        60 * MINUTE,
        120 * MINUTE,
        180 * MINUTE,
        360 * MINUTE,
        720 * MINUTE,
        DAY,
        2 * DAY,
        7 * DAY,
        14 * DAY,
        28 * DAY,
        84 * DAY,
        364 * DAY,
        3640 * DAY,
    ];
    let most = i64::try_from(most.max(1)).unwrap_or(1);
    let least = end / most;
    ROUND.into_iter().find(|round| *round >= least).unwrap_or_else(|| least.max(1))
}
