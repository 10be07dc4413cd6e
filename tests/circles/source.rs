//! The modules of a crate, and which names their code uses, read from its tokens: macros and all.

use crate::{
    circles::{Dependencies, Reason},
    lexer,
    tokens::{Import, Reading, Use},
};
use anyhow::{Context, Result};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

/// All files of a crate.
pub struct Sources {
    modules: Vec<Module>,
    /// Relative to the first one's folder.
    files: Vec<String>,
}

struct Module {
    /// An index into `Sources::files`.
    file: usize,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    defined: HashSet<String>,
    imports: Vec<Import>,
    uses: Vec<Use>,
}

/// What a path leads to: a module itself, or something that is defined in it.
#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    Item(usize),
}

impl Found {
    fn module(self) -> usize {
        match self {
            Found::Module(module) | Found::Item(module) => module,
        }
    }
}

impl Sources {
    /// Reads a crate from its first file on.
    ///
    /// # Errors
    /// Names the file that cannot be read, or is no Rust.
    pub fn read(root: &Path) -> Result<Self> {
        let mut sources = Sources { modules: Vec::new(), files: Vec::new() };
        let folder = root.parent().context("it lies in a folder")?;
        sources.file(root, folder, folder, None)?;
        Ok(sources)
    }

    /// The files, relative to the folder of the first one.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Reads a file whose modules lie in `inside`.
    fn file(
        &mut self,
        path: &Path,
        folder: &Path,
        inside: &Path,
        parent: Option<usize>,
    ) -> Result<usize> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        let tokens = lexer::tokens(&text).with_context(name)?;
        let short = path.strip_prefix(folder).unwrap_or(path).display();
        self.files.push(short.to_string().replace('\\', "/"));
        let file = self.files.len() - 1;
        self.module(Reading::of(&tokens), file, folder, inside, parent).with_context(name)
    }

    fn module(
        &mut self,
        reading: Reading,
        file: usize,
        folder: &Path,
        inside: &Path,
        parent: Option<usize>,
    ) -> Result<usize> {
        let module = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: HashMap::new(),
            defined: reading.defined,
            imports: reading.imports,
            uses: reading.uses,
        });
        for child in reading.modules {
            let inside = inside.join(&child.name);
            let made = match child.body {
                Some(body) => self.module(body, file, folder, &inside, Some(module))?,
                // It is somewhere else: a learner's file.
                None if child.elsewhere => continue,
                None => {
                    let file = existing(&inside).with_context(|| child.name.clone())?;
                    self.file(&file, folder, &inside, Some(module))?
                }
            };
            self.modules[module].children.insert(child.name, made);
        }
        Ok(module)
    }

    /// Which file depends on which, by what line and name.
    pub fn dependencies(&self) -> Dependencies {
        let mut dependencies = Dependencies::new();
        for (number, module) in self.modules.iter().enumerate() {
            // A name that is imported from a child is either used here, or only passed on.
            let imported = module.imports.iter().filter(|import| !import.public);
            let imported = imported.map(|import| (&import.path, import.line, true));
            let used = module.uses.iter().map(|used| (&used.path, used.line, false));
            for (path, line, import) in imported.chain(used) {
                let to = match self.resolve(number, path, false, 0) {
                    None => continue,
                    Some(Found::Module(_)) if import => continue,
                    Some(found) => found.module(),
                };
                let (from, to_file) = (module.file, self.modules[to].file);
                if from == to_file || (import && self.is_below(to, number)) {
                    continue;
                }
                let reason = Reason { line, name: path.join("::") };
                let on = dependencies.entry(self.files[from].clone()).or_default();
                let first = on.entry(self.files[to_file].clone());
                let first = first.or_insert_with(|| reason.clone());
                if reason.line < first.line {
                    *first = reason;
                }
            }
        }
        dependencies
    }

    fn is_below(&self, module: usize, above: usize) -> bool {
        let parent = self.modules[module].parent;
        parent.is_some_and(|parent| parent == above || self.is_below(parent, above))
    }

    /// What a path means in a module. `more` if something follows it.
    fn resolve(&self, module: usize, path: &[String], more: bool, depth: usize) -> Option<Found> {
        // Two modules may import everything of each other.
        if depth > 8 {
            return None;
        }
        let mut found = None;
        for (place, name) in path.iter().enumerate() {
            let more = more || place + 1 < path.len();
            found = match (name.as_str(), found) {
                ("crate", None) => Some(Found::Module(0)),
                ("self", None) => Some(Found::Module(module)),
                ("super", None) => Some(Found::Module(self.modules[module].parent?)),
                ("super", Some(Found::Module(at))) => Some(Found::Module(self.modules[at].parent?)),
                (name, None) => Some(self.look_up(module, name, more, depth)?),
                (name, Some(Found::Module(at))) => match self.look_up(at, name, more, depth) {
                    // From another crate.
                    None if self.imports(at, name).next().is_some() => return None,
                    // A macro wrote it.
                    None => Some(Found::Item(at)),
                    found => found,
                },
                // Something that belongs to an item: a variant, a function.
                (_, Some(Found::Item(at))) => Some(Found::Item(at)),
            };
        }
        found
    }

    /// What a name means in a module. If more follows, a module is meant rather than a function.
    fn look_up(&self, module: usize, name: &str, more: bool, depth: usize) -> Option<Found> {
        let here = &self.modules[module];
        let child = || here.children.get(name).copied().map(Found::Module);
        if more && let Some(child) = child() {
            return Some(child);
        }
        if here.defined.contains(name) {
            return Some(Found::Item(module));
        }
        let named = self.imports(module, name);
        let named = named.filter(|import| import.path != [name]);
        let mut found =
            named.filter_map(|import| self.resolve(module, &import.path, more, depth + 1));
        if let Some(found) = found.next().or_else(child) {
            return Some(found);
        }
        self.imports(module, "*").find_map(|import| {
            match self.resolve(module, &import.path, true, depth + 1)? {
                Found::Module(from) if from != module => self.look_up(from, name, more, depth + 1),
                _ => None,
            }
        })
    }

    fn imports(&self, module: usize, name: &str) -> impl Iterator<Item = &Import> {
        let all = self.modules[module].imports.iter();
        all.filter(move |import| import.name == name)
    }
}

/// `x.rs` or `x/mod.rs`.
fn existing(module: &Path) -> Result<PathBuf> {
    let files = [module.with_extension("rs"), module.join("mod.rs")];
    let found = files.into_iter().find(|file| file.is_file());
    found.context("there is no file of this module")
}
