//! Where in a configuration the key stands that a message begins with.

/// Line and column of a byte, from 1.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Line and column of the key that a message begins with, such as `samplers.file x: path: …` or `alerts: route[2].receivers: …`; if it
/// isn't there, of the last table before it that is.
pub(crate) fn find(text: &str, message: &str) -> Option<(usize, usize)> {
    let mut found: Option<Line<'_>> = None;
    for (name, index) in steps(message) {
        // What was found may name the next one, too: `[receivers.hook]`.
        let from = found.as_ref().map_or(0, |line| line.at);
        let mut fitting = lines(text).filter(|line| line.at >= from && line.names(name));
        let Some(line) = fitting.nth(index) else { continue };
        found = Some(line);
    }
    found.map(|line| position(text, line.at + line.indent))
}

/// The names that a message begins with, each with its place in a list.
fn steps(message: &str) -> Vec<(&str, usize)> {
    let is_name = |part: &&str| {
        let letters = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | ' ' | '"');
        !part.is_empty() && part.len() <= 130 && part.split(' ').count() <= 3 && part.chars().all(letters)
    };
    let head = message.split_once(" = ").map_or(message, |(head, _)| if head.contains(' ') { message } else { head });
    let mut steps = Vec::new();
    for part in head.split(": ").take(4).take_while(is_name) {
        for name in part.split(['.', ' ']) {
            let (name, index) = name.split_once('[').unwrap_or((name, ""));
            let index = index.trim_end_matches(']').parse().unwrap_or(0);
            steps.push((name.trim_matches('"'), index));
        }
    }
    steps
}

/// A line that is a table's head or a key with its value.
struct Line<'a> {
    /// Where it begins, and how far it is indented, in bytes.
    at: usize,
    indent: usize,
    text: &'a str,
}

impl Line<'_> {
    /// Whether it is a table of this name, a key of it, or says that something is called so.
    fn names(&self, name: &str) -> bool {
        if let Some(head) = self.text.strip_prefix('[') {
            let parts = head.trim_start_matches('[').split(']').next().unwrap_or("").split('.');
            return parts.map(|part| part.trim().trim_matches('"')).any(|part| part == name);
        }
        let Some((key, value)) = self.text.split_once('=') else { return false };
        let is_called = key.trim() == "name" && value.trim().trim_matches('"') == name;
        is_called || key.trim().split('.').any(|part| part.trim().trim_matches('"') == name)
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |whole| {
        let line = whole.trim();
        let begins = at;
        at += whole.len();
        Line { at: begins, indent: whole.len() - whole.trim_start().len(), text: line }
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    const TEXT: &str = "version = 1\n[samplers.cpu]\ninterval = \"1s\"\n[[samplers.file]]\nname = \"a\"\npath = \"/a\"\n\
        [[samplers.file]]\nname = \"b\"\n  path = \"b\"\n[alerts]\nreceivers = [\"x\"]\n[[alerts.route]]\nreceivers = []\n\
        [[alerts.route]]\nmatchers = []\nreceivers = [\"y\"]\n[receivers.x]\nkind = \"log\"\n[receivers.\"a b\"]\nhttp.timeout = \"0s\"\n";

    #[test]
    fn a_key_is_found_where_it_stands() {
        for (message, place) in [
            ("version: 2 is not known, only 1", (1, 1)),
            ("samplers.cpu.interval: 1ms is not between", (3, 1)),
            ("samplers.file b: path: \"b\" is not an absolute path; write", (9, 3)),
            ("alerts: receivers: there is no receiver \"x\", there is none", (11, 1)),
            ("alerts: route[1].receivers: there is no receiver", (16, 1)),
            ("receivers.x: notify: path: it is missing", (17, 1)),
            ("receivers.a b: notify: http.timeout: 0s is", (20, 1)),
            ("alerts: receivers: \"a b\" is no name of a receiver; write", (11, 1)),
        ] {
            assert_eq!(find(TEXT, message), Some(place), "{message}");
        }
        assert_eq!(find("", "version: it is missing"), None);
        assert_eq!(find("x", ""), None);
    }
}
