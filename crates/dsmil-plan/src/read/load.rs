//! Which files a plan is made of. The loader gives their texts; nothing here opens one.

use dsmil_toml::{Fault, Source, Table};

/// Gives the text of a file by its path, relative to where the plan's own path is relative to, or says why it can't.
pub type Loader<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// More files in one plan, or a longer chain of includes, are a slip.
const MAX_FILES: usize = 64;
const REMEDY: &str = "write include = [\"teams/one.toml\"], with paths relative to this file";

/// A file of the plan, and what was found wrong with its includes.
pub(crate) struct Loaded {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) found: Vec<(usize, Fault)>,
}

/// The plan and all that it includes, each once, what is included before what includes it.
pub(crate) fn load(text: &str, file: &str, loader: Loader<'_>) -> Vec<Loaded> {
    let mut loading = Loading { loader, files: Vec::new(), chain: vec![normal(file)], seen: vec![normal(file)] };
    loading.visit(text.to_owned(), file.to_owned());
    loading.files
}

struct Loading<'a> {
    loader: Loader<'a>,
    files: Vec<Loaded>,
    chain: Vec<String>,
    seen: Vec<String>,
}

impl Loading<'_> {
    fn visit(&mut self, text: String, file: String) {
        let mut found = Vec::new();
        let source = Source::new("plan file", &text, &file);
        // Faults of the form are told when the file is read; here only the includes count.
        if let Some(tree) = source.tree() {
            let root = Table::root(&source, &tree);
            let includes = root.texts("include", REMEDY);
            let told = Source::new("plan file", &text, &file);
            for (index, include) in includes.iter().enumerate() {
                let key = format!("include[{index}]");
                if let Err((what, remedy)) = self.follow(include.value, &file) {
                    told.fault(include.at, &key, what, &remedy);
                }
            }
            found = told.into_faults();
            if root.value("include").is_some_and(|value| !value.get_ref().is_array()) {
                found.extend(source.into_faults());
            }
        }
        self.files.push(Loaded { file, text, found });
    }

    fn follow(&mut self, include: &str, from: &str) -> Result<(), (String, String)> {
        let path = resolve(include, from).map_err(|what| (what, REMEDY.to_owned()))?;
        if let Some(first) = self.chain.iter().position(|file| *file == path) {
            let circle: Vec<&str> = self.chain[first..].iter().map(String::as_str).chain([path.as_str()]).collect();
            return Err((
                format!("the files include each other: {}", circle.join(" -> ")),
                "remove one of these includes".to_owned(),
            ));
        }
        if self.seen.contains(&path) {
            return Ok(());
        }
        if self.seen.len() >= MAX_FILES {
            return Err((format!("the plan has more than {MAX_FILES} files"), "put some of them together".to_owned()));
        }
        self.seen.push(path.clone());
        let text = (self.loader)(&path)
            .map_err(|why| (format!("{path} can't be read: {why}"), "correct the path, or the file".to_owned()))?;
        self.chain.push(path.clone());
        self.visit(text, path);
        self.chain.pop();
        Ok(())
    }
}

/// The path of a file that is named in another one.
pub(crate) fn resolve(path: &str, from: &str) -> Result<String, String> {
    if path.is_empty() || path.starts_with(['/', '\\', '~']) || path.contains(':') {
        return Err(format!("{path:?} is not a relative path"));
    }
    let folder = from.rfind('/').map_or("", |end| &from[..=end]);
    Ok(normal(&format!("{folder}{path}")))
}

/// Without `.` and, as far as that goes, without `..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        for (path, from, expected) in [
            ("b.toml", "a.toml", "b.toml"),
            ("b.toml", "plans/a.toml", "plans/b.toml"),
            ("../gates/g.toml", "examples/plans/a.toml", "examples/gates/g.toml"),
            ("./x/../b.toml", "/etc/dsmil/a.toml", "/etc/dsmil/b.toml"),
            ("../../b.toml", "plans/a.toml", "../b.toml"),
        ] {
            assert_eq!(resolve(path, from).as_deref(), Ok(expected));
        }
        for wrong in ["", "/etc/passwd", "~/b.toml", "http://x/b.toml", "\\\\x\\b"] {
            assert!(resolve(wrong, "a.toml").is_err(), "{wrong}");
        }
    }
}
