//! Lines and tables, with colour where the reader is a terminal.

use std::fmt::Write;

use crate::text::harmless;

/// How something is meant; a colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
    Head,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Dim => "2",
            Self::Head => "1",
        }
    }
}

/// A piece of text with a tone. What it is made from is made harmless to a terminal here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    #[allow(clippy::needless_pass_by_value)] // so that a literal, a number and an owned text are written alike
    pub(crate) fn new(text: impl ToString, tone: Tone) -> Self {
        Self { text: harmless(&text.to_string()), tone }
    }

    pub(crate) fn plain(text: impl ToString) -> Self {
        Self::new(text, Tone::Plain)
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn write(&self, to: &mut String, colour: bool) {
        if colour && self.tone != Tone::Plain {
            let _ = write!(to, "\x1b[{}m{}\x1b[0m", self.tone.code(), self.text);
        } else {
            to.push_str(&self.text);
        }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::plain(text)
    }
}

/// Which side a column keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows under a head, in columns two blanks apart: as easy for `awk` as for the eye.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<(&'static str, bool)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Side); N]) -> Self {
        Self { columns: columns.map(|(name, side)| (name, side == Side::Right)).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    fn write(&self, to: &mut String, colour: bool) {
        let head: Vec<Cell> = self.columns.iter().map(|(name, _)| Cell::new(name, Tone::Head)).collect();
        let lines = || std::iter::once(&head).chain(&self.rows);
        let width = |column: usize| lines().filter_map(|line| line.get(column)).map(Cell::width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for line in lines() {
            self.write_line(line, &widths, to, colour);
        }
    }

    fn write_line(&self, line: &[Cell], widths: &[usize], to: &mut String, colour: bool) {
        let begun = to.len();
        for (column, cell) in line.iter().enumerate() {
            let blanks = " ".repeat(widths[column].saturating_sub(cell.width()));
            let right = self.columns[column].1;
            if column > 0 {
                to.push_str("  ");
            }
            if right {
                to.push_str(&blanks);
            }
            cell.write(to, colour);
            if !right && column + 1 < line.len() {
                to.push_str(&blanks);
            }
        }
        let end = to[begun..].trim_end_matches(' ').len() + begun;
        to.truncate(end);
        to.push('\n');
    }
}

/// What a command shows to a person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Line(Vec<Cell>),
    Table(Table),
    /// Text of our own making, as it is: completions, a man page.
    Verbatim(String),
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(line: impl Into<Cell>) -> Self {
        let mut page = Self::new();
        page.line([line.into()]);
        page
    }

    pub(crate) fn verbatim(text: String) -> Self {
        Self { parts: vec![Part::Verbatim(text)] }
    }

    /// A line of cells that follow one another without a gap.
    pub(crate) fn line<const N: usize>(&mut self, cells: [Cell; N]) {
        self.parts.push(Part::Line(cells.into()));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.parts.push(Part::Table(table));
    }

    pub(crate) fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Line(cells) => {
                    for cell in cells {
                        cell.write(&mut out, colour);
                    }
                    out.push('\n');
                }
                Part::Table(table) => table.write(&mut out, colour),
                Part::Verbatim(text) => out.push_str(text),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another_whatever_their_colour() {
        let mut table = Table::new([("id", Side::Left), ("state", Side::Left), ("°C", Side::Right)]);
        table.row(["0x8000".into(), Cell::new("safe", Tone::Good), 41.into()]);
        table.row(["0x8009".into(), Cell::new("quarantined", Tone::Bad), "-".into()]);
        let mut page = Page::new();
        page.table(table);
        let plain = "id      state        °C\n0x8000  safe         41\n0x8009  quarantined   -\n";
        assert_eq!(page.render(false), plain);
        let coloured = page.render(true);
        assert!(coloured.contains("\x1b[32msafe\x1b[0m         41\n"), "{coloured:?}");
    }
}
