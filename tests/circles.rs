//! Files of a crate do not use each other in circles, so that each can be read after those below.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{read, root, sources};

/// The source folders of the workspace's crates.
/// The source folders of the workspace's crates. One that is all tests has none.
fn source_folders() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find(|line| line.starts_with("members = "));

    let members = members.unwrap().split('"').skip(1).step_by(2);
    members
        .map(|member| format!("{member}/src"))
        .filter(|folder| root().join(folder).is_dir())
        .collect()
}

/// A module by its path from the root of its crate.
type Module = Vec<String>;

/// The files of a crate, by the module that each is.
struct Crate {
    files: BTreeMap<Module, File>,
}

struct File {
    path: String,
    /// The code, without comments, strings and tests.
    code: String,
}

#[test]
fn files_of_a_crate_do_not_use_each_other_in_circles() {
    let folders = source_folders();
    assert!(folders.len() > 10, "{folders:?}");

    for folder in folders {
        let uses = Crate::read(&folder).uses();
        let circle = find_circle(&uses);
        assert!(circle.is_none(), "{}", circle.unwrap().join(" -> "));
    }
}

impl Crate {
    fn read(folder: &str) -> Self {
        let paths = sources(folder);
        let texts = paths.into_iter().map(|path| {
            let text = read(&path);
            (path, text)
        });
        Self::new(folder, texts.collect())
    }

    fn new(folder: &str, texts: Vec<(String, String)>) -> Self {
        let mut files = BTreeMap::new();
        let mut tests = BTreeSet::new();

        for (path, text) in texts {
            let module = module_of(path.strip_prefix(folder).unwrap());
            for name in test_modules(&text) {
                tests.insert(child(&module, &name));
            }
            let code = code_of(&text);
            files.insert(module, File { path, code });
        }

        // A file that only tests have may use anything.
        files.retain(|module, _| !tests.contains(module));
        Self { files }
    }

    /// The files that each file uses, by path.
    fn uses(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut uses = BTreeMap::new();

        for (module, file) in &self.files {
            let used = self.used_modules(module, &file.code);
            let paths = used.iter().map(|module| self.files[module].path.clone());
            let others = paths.filter(|path| *path != file.path);
            uses.insert(file.path.clone(), others.collect());
        }
        uses
    }

    fn used_modules(&self, module: &Module, code: &str) -> BTreeSet<Module> {
        let mut used = BTreeSet::new();
        let mut imported_modules: BTreeMap<String, Module> = BTreeMap::new();

        let (imports, code) = split_imports(code);
        for (path, name) in imports {
            let Some(path) = absolute(module, &path) else {
                continue;
            };
            // An imported module is used where a path starts with its name.
            match self.files.contains_key(&path) {
                true => _ = imported_modules.insert(name, path),
                false => used.extend(self.file_of(&path)),
            }
        }

        for path in inline_paths(&code) {
            let (first, rest) = path.split_first().unwrap();
            let absolute = match imported_modules.get(first) {
                Some(module) => Some([module.as_slice(), rest].concat()),
                None => absolute(module, &path),
            };
            used.extend(absolute.and_then(|path| self.file_of(&path)));
        }
        used
    }

    /// The file with the item of a path: the one of its longest prefix that is a module.
    fn file_of(&self, path: &[String]) -> Option<Module> {
        let mut lengths = (0..=path.len()).rev();
        let length = lengths.find(|length| self.files.contains_key(&path[..*length]))?;

        Some(path[..length].to_vec())
    }
}

/// The module of a file, by its path from the source folder.
fn module_of(path: &str) -> Module {
    let path = path.trim_start_matches('/').trim_end_matches(".rs");
    let parts = path.split('/').map(str::to_owned);

    parts
        .filter(|part| !["lib", "main", "mod"].contains(&part.as_str()))
        .collect()
}

fn child(module: &[String], name: &str) -> Module {
    [module, &[name.to_owned()]].concat()
}

/// The modules that a file declares for tests alone.
fn test_modules(text: &str) -> Vec<String> {
    let declarations = text.split("#[cfg(test)]\n").skip(1);
    declarations
        .filter_map(|rest| {
            let declaration = rest.lines().next()?.strip_suffix(';')?;
            let (_, name) = declaration.split_once("mod ")?;
            Some(name.to_owned())
        })
        .collect()
}

/// The code of a file without comments, strings and its tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.split("#[cfg(test)]\npub(crate) mod fixtures {").next();

    let lines = code.unwrap().lines();
    let lines = lines.map(|line| line.split("//").next().unwrap());
    let code: Vec<&str> = lines.collect();
    // Every second part is inside quotes.
    let outside = code.join("\n");
    let outside: Vec<&str> = outside.split('"').step_by(2).collect();
    outside.join("\"\"")
}

/// The imports of a file, each a path and the name that it gets; and the rest of its code.
fn split_imports(code: &str) -> (Vec<(Module, String)>, String) {
    let (mut imports, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();

    while let Some(line) = lines.next() {
        let declaration = line.trim_start();
        let after_visibility = match declaration.strip_prefix("pub") {
            Some(after) => after
                .trim_start_matches(|character| character != ' ')
                .trim_start(),
            None => declaration,
        };
        let Some(tree) = after_visibility.strip_prefix("use ") else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };

        let mut tree = tree.to_owned();
        while !tree.trim_end().ends_with(';') {
            let Some(line) = lines.next() else { break };
            tree.push_str(line.trim());
            tree.push(' ');
        }
        expand(tree.trim_end().trim_end_matches(';'), &[], &mut imports);
    }
    (imports, rest)
}

/// Expands a tree of imports into its paths.
fn expand(tree: &str, prefix: &[String], imports: &mut Vec<(Module, String)>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let (path, alias) = match tree.split_once(" as ") {
            Some((path, alias)) => (path, Some(alias.trim().to_owned())),
            None => (tree, None),
        };
        let segments = path
            .trim()
            .split("::")
            .map(|segment| segment.trim().to_owned());
        let mut path = [prefix, &segments.collect::<Vec<_>>()].concat();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = path.last().cloned().unwrap_or_default();
        imports.push((path, alias.unwrap_or(name)));
        return;
    };

    let head = head.trim().trim_end_matches("::");
    let head = head
        .split("::")
        .map(str::to_owned)
        .filter(|part| !part.is_empty());
    let prefix = [prefix, &head.collect::<Vec<_>>()].concat();
    for part in split_group(group.trim_end().strip_suffix('}').unwrap_or(group)) {
        expand(part, &prefix, imports);
    }
}

/// The parts of a group, which may have groups inside.
fn split_group(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);

    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The paths in code without imports.
fn inline_paths(code: &str) -> Vec<Module> {
    let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
    let words = code.split(|character| !is_part(character));
    let paths = words.filter(|word| word.contains("::"));

    paths
        .map(|path| {
            let segments = path.trim_matches(':').split("::");
            segments.map(str::to_owned).collect()
        })
        .collect()
}

/// A path from the root of the crate; `None` for a path out of it.
fn absolute(module: &[String], path: &[String]) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => parent(module)?,
        _ => return None,
    };

    while let Some(("super", others)) = rest.split_first().map(|(first, rest)| (&**first, rest)) {
        base = parent(&base)?;
        rest = others;
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

fn parent(module: &[String]) -> Option<Module> {
    let (_, parent) = module.split_last()?;
    Some(parent.to_vec())
}

/// The files of a circle, if there is one.
fn find_circle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut finished = BTreeSet::new();

    uses.keys()
        .find_map(|file| follow(file, uses, &mut Vec::new(), &mut finished))
}

fn follow(
    file: &str,
    uses: &BTreeMap<String, BTreeSet<String>>,
    trail: &mut Vec<String>,
    finished: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = trail.iter().position(|known| known == file) {
        let circle = trail[start..].iter().cloned();
        return Some(circle.chain([file.to_owned()]).collect());
    }
    if !finished.insert(file.to_owned()) {
        return None;
    }

    trail.push(file.to_owned());
    let circle = uses[file]
        .iter()
        .find_map(|used| follow(used, uses, trail, finished));
    trail.pop();
    circle
}

#[test]
fn circle_is_found_through_groups_aliases_and_inline_paths() {
    let circle = |low: &str, high: &str| {
        let texts = [
            ("src/lib.rs", "mod low;\nmod high;\n"),
            ("src/low/mod.rs", "pub mod ground;\n"),
            ("src/low/ground.rs", low),
            ("src/high.rs", high),
        ];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned()));
        find_circle(&Crate::new("src", texts.into()).uses()).is_some()
    };
    let use_high = "use crate::{high::{self, Thing as Other}};\n";

    assert!(!circle(use_high, ""));
    assert!(circle(use_high, "use crate::low::ground::Thing;\n"));
    assert!(circle(
        use_high,
        "use crate::low;\nfn f() { low::ground::f() }\n"
    ));
    assert!(circle(
        "fn f() { super::super::high::f() }",
        "use crate::low::ground::f;\n"
    ));

    // A declaration, a comment, a text and a test are no uses.
    assert!(!circle(use_high, "use crate::low;\n"));
    assert!(!circle(
        use_high,
        "// crate::low::ground::f\nconst A: &str = \"crate::low::ground\";"
    ));
    let test = "#[cfg(test)]\nmod tests {\n    use crate::low::ground::f;\n}\n";
    assert!(!circle(use_high, test));
}
