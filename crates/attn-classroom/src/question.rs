//! What an exercise asks, taken out of its declaration, without what is right.
//!
//! A declaration (`src/exercises/ITEM.rs`) begins with what is given and how a body is called; then come the oracle, the
//! cases, right answers and mistakes. Students get the beginning alone, with the items of the file that it names, and of
//! the chapter's modules those that it uses. Where it uses another exercise's reference, it cannot be handed out.

use anyhow::{Context, Result, ensure};
use attn::{Chapter, Exercise, files};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use syn::{File, ImplItem, Item, ItemMacro, ItemUse, Type, UseTree, spanned::Spanned};

type Names = BTreeSet<String>;

/// The exercises of a chapter as students get them.
pub struct Questions {
    /// The files of the chapter's `src`, relative to it.
    pub files: BTreeMap<PathBuf, String>,
    /// The names of all crates that they may use.
    pub names: Names,
    /// What the chapter's crate has at its root.
    root: Names,
}

impl Questions {
    /// A line of a starter; of what it imports from the chapter's own crate, what is there. Nothing if that is nothing.
    pub fn imported(&self, line: &str, package: &str) -> Option<String> {
        let own = package.replace('-', "_");
        let Ok(item) = syn::parse_str::<ItemUse>(line) else { return Some(line.into()) };
        let is_there = |leaf: &Leaf| {
            let from_own = leaf.path.first() == Some(&own);
            !from_own || leaf.path.get(1).is_none_or(|name| self.root.contains(name))
        };
        if leaves(&item.tree).iter().all(is_there) {
            return Some(line.into());
        }
        let tree = filtered(&item.tree, &mut Vec::new(), &is_there)?;
        Some(unparsed(Item::Use(ItemUse { tree, ..item })).1)
    }
}

/// A file with an exercise's declaration.
struct Declaration {
    text: String,
    file: File,
}

/// What a file has to define.
#[derive(Clone, Default, PartialEq)]
struct Needed {
    /// Items.
    names: Names,
    /// Whatever is named, also methods.
    members: Names,
}

/// What is kept of such a file: its items, each with its text.
type Kept = Vec<(Item, String)>;

/// A chapter's source, read.
pub struct Source<'a> {
    chapter: &'a Chapter,
    src: PathBuf,
    lib: File,
    /// By the exercise's item.
    declarations: BTreeMap<String, Declaration>,
    /// The modules that are neither reference nor oracle, by name.
    modules: BTreeMap<String, String>,
    /// Which module gives a name at the crate's root.
    root_names: BTreeMap<String, String>,
}

impl<'a> Source<'a> {
    /// Reads a chapter in the course at `root`.
    ///
    /// # Errors
    /// Names the file that cannot be read, or is no Rust.
    pub fn read(root: &Path, chapter: &'a Chapter) -> Result<Self> {
        let src = root.join(&chapter.dir).join("src");
        let parse = |file: &Path| -> Result<Declaration> {
            let text = files::read(file)?;
            let file = syn::parse_file(&text).with_context(|| file.display().to_string())?;
            Ok(Declaration { text, file })
        };
        let lib = parse(&src.join("lib.rs"))?.file;
        let mut declarations = BTreeMap::new();
        for exercise in &chapter.exercises {
            let file = src.join("exercises").join(format!("{}.rs", exercise.item));
            declarations.insert(exercise.item.clone(), parse(&file)?);
        }
        let mut modules = BTreeMap::new();
        let mut root_names = BTreeMap::new();
        for item in &lib.items {
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let file = src.join(format!("{name}.rs"));
                    if let Ok(text) = fs::read_to_string(file)
                        && !ANSWERS.contains(&name.as_str())
                        && !text.contains("// SOLUTION ")
                    {
                        modules.insert(name, text);
                    }
                }
                Item::Use(item) => {
                    for leaf in leaves(&item.tree) {
                        if let [module, _, ..] = &leaf.path[..] {
                            root_names.insert(leaf.name.clone(), module.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(Source { chapter, src, lib, declarations, modules, root_names })
    }

    /// Why an exercise cannot be handed out; nothing if it can.
    pub fn obstacle(&self, exercise: &Exercise) -> Option<String> {
        self.take(&[exercise]).err().map(|error| format!("{error:#}"))
    }

    /// These exercises as students get them.
    ///
    /// # Errors
    /// Names the exercise that cannot be handed out, and why.
    pub fn take(&self, exercises: &[&Exercise]) -> Result<Questions> {
        let needed = self.needed(exercises)?;
        let mut files = BTreeMap::new();
        let mut modules = Names::new();
        for (item, needed) in &needed {
            let kept = self.kept(item, needed, exercises)?;
            let items = kept.iter().map(|(item, _)| item);
            self.modules_of(items, item, &mut modules)?;
            files.insert(Path::new("exercises").join(format!("{item}.rs")), self.text(item, &kept));
        }
        if self.modules.contains_key("given") {
            self.add_module("given", "the chapter", &mut modules)?;
        }
        for module in &modules {
            files.insert(format!("{module}.rs").into(), self.modules[module].clone());
        }
        let mut names = Names::new();
        for text in files.values() {
            names.extend(all_idents(text.parse().unwrap_or_default()));
        }
        files.insert("exercises/mod.rs".into(), list(needed.keys()));
        files.insert("lib.rs".into(), self.lib(&modules));
        files.insert("check.rs".into(), self.check_program(exercises)?);
        names.extend(all_idents(self.chapter.imports.parse().unwrap_or_default()));
        let given = self.root_names.iter().filter(|(_, module)| modules.contains(*module));
        let root = given.map(|(name, _)| name.clone()).chain(modules.iter().cloned()).collect();
        Ok(Questions { files, names, root })
    }

    /// The names that each declaration has to define, starting from these exercises' questions.
    fn needed(&self, exercises: &[&Exercise]) -> Result<BTreeMap<String, Needed>> {
        let mut needed: BTreeMap<String, Needed> = BTreeMap::new();
        for exercise in exercises {
            let file = &self.declarations[&exercise.item];
            let question = question(&file.file).with_context(|| exercise.id.clone())?;
            let members = all_idents(question.tokens.clone());
            let mut names = idents(question.tokens);
            // The declaration defines it; its methods stand beside it.
            names.insert("Case".into());
            needed.insert(exercise.item.clone(), Needed { names, members });
        }
        loop {
            let before = needed.clone();
            for (item, there) in &before {
                let kept = self.kept(item, there, exercises)?;
                let here = needed.get_mut(item).expect("it is there");
                for (item, _) in &kept {
                    here.names.extend(needed_by(item));
                    here.members.extend(all_idents(item.to_token_stream()));
                }
                for path in paths(kept.iter().map(|(item, _)| item)) {
                    if let [up, other, name, ..] = &path[..]
                        && up == "super"
                        && self.declarations.contains_key(other)
                    {
                        let members = needed[item].members.clone();
                        let there = needed.entry(other.clone()).or_default();
                        there.names.insert(name.clone());
                        there.members.extend(members);
                    }
                }
            }
            if needed == before {
                return Ok(needed);
            }
        }
    }

    /// What is kept of a declaration's file, where these names are needed.
    fn kept(
        &self,
        item: &str,
        Needed { names, members }: &Needed,
        exercises: &[&Exercise],
    ) -> Result<Kept> {
        let Declaration { text, file } = &self.declarations[item];
        let mut kept = Vec::new();
        for part in &file.items {
            let given = is_given(part);
            let own_text = || text[part.span().byte_range()].to_string();
            let (part, text) = match part {
                Item::Use(part) => match used(part, names, self.chapter) {
                    Some(part) => unparsed(Item::Use(part)),
                    None => continue,
                },
                Item::Macro(declaration) if declaration.mac.path.is_ident("exercise") => {
                    if !exercises.iter().any(|exercise| exercise.item == *item) {
                        continue;
                    }
                    let question = question(file)?;
                    let begin = part.span().byte_range().start;
                    let text = format!("{}\n}}", &text[begin..question.end]);
                    let mut declaration = declaration.clone();
                    // The reference is named there, and not used.
                    declaration.mac.tokens = question.tokens;
                    (Item::Macro(declaration), text)
                }
                Item::Impl(part) => {
                    let owner = match &*part.self_ty {
                        Type::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
                        _ => None,
                    };
                    if !given && !owner.is_some_and(|owner| names.contains(&owner)) {
                        continue;
                    }
                    let mut part = part.clone();
                    if part.trait_.is_none() {
                        part.items.retain(|item| match item {
                            ImplItem::Fn(item) => members.contains(&item.sig.ident.to_string()),
                            ImplItem::Const(item) => members.contains(&item.ident.to_string()),
                            _ => true,
                        });
                        if part.items.is_empty() {
                            continue;
                        }
                    }
                    unparsed(Item::Impl(part))
                }
                part if given || name_of(part).is_some_and(|name| names.contains(&name)) => {
                    (part.clone(), own_text())
                }
                _ => continue,
            };
            kept.push((part, text));
        }
        Ok(kept)
    }

    /// The text of what is kept of a declaration's file.
    fn text(&self, item: &str, kept: &Kept) -> String {
        let all = self.declarations[item].text.lines();
        let about: String = all
            .take_while(|line| line.starts_with("//!"))
            .map(|line| format!("{line}\n"))
            .collect();
        let (uses, others): (Vec<_>, Vec<_>) =
            kept.iter().partition(|(item, _)| matches!(item, Item::Use(_)));
        let uses: String = uses.iter().map(|(_, text)| format!("{text}\n")).collect();
        let others: String = others.iter().map(|(_, text)| format!("\n{text}\n")).collect();
        format!("{about}{PARTS}\n{uses}{others}")
    }

    /// Adds the modules of the crate that a file uses.
    fn modules_of<'i>(
        &self,
        items: impl Iterator<Item = &'i Item>,
        who: &str,
        modules: &mut Names,
    ) -> Result<()> {
        for path in paths(items) {
            if let [root, name, ..] = &path[..]
                && root == "crate"
            {
                let module = self.root_names.get(name).unwrap_or(name);
                self.add_module(module, who, modules)?;
            }
        }
        Ok(())
    }

    fn add_module(&self, module: &str, who: &str, modules: &mut Names) -> Result<()> {
        if module == "exercises" || modules.contains(module) {
            return Ok(());
        }
        let text = self.modules.get(module).with_context(|| {
            let package = &self.chapter.package;
            format!("{who} cannot be asked without the module {module} of {package}, which holds what is right")
        })?;
        modules.insert(module.into());
        let file =
            syn::parse_file(text).with_context(|| self.src.join(module).display().to_string())?;
        self.modules_of(file.items.iter(), module, modules)
    }

    /// The crate's root, with these modules alone.
    fn lib(&self, modules: &Names) -> String {
        let mut lib = self.lib.clone();
        lib.items.retain_mut(|item| match item {
            Item::Mod(module) => {
                let name = module.ident.to_string();
                name == "exercises" || modules.contains(&name)
            }
            Item::Use(item) => {
                let from_kept =
                    |leaf: &Leaf| leaf.path.first().is_some_and(|m| modules.contains(m));
                match filtered(&item.tree, &mut Vec::new(), &from_kept) {
                    Some(tree) => {
                        item.tree = tree;
                        true
                    }
                    None => false,
                }
            }
            _ => false,
        });
        lib.attrs.retain(|attribute| attribute.path().is_ident("doc"));
        prettyplease::unparse(&lib)
    }

    /// The program that joins these exercises to the answers.
    fn check_program(&self, exercises: &[&Exercise]) -> Result<String> {
        let file = self.src.join("check.rs");
        let text = files::read(&file)?;
        let is_of = |line: &str, exercise: &Exercise| {
            line.contains(&format!("{}::answered_by(\"{}\"", exercise.item, exercise.id))
        };
        let kept = text.lines().filter(|line| {
            !line.contains("::answered_by(")
                || exercises.iter().any(|exercise| is_of(line, exercise))
        });
        Ok(kept.map(|line| format!("{line}\n")).collect())
    }
}

/// Modules that hold what is right, or need it.
const ANSWERS: &[&str] = &["oracle", "exercises", "figures", "functions", "beside"];

/// What stands at the head of each file of which only parts are kept.
const PARTS: &str = "#![allow(dead_code, unused_imports)] // parts of the whole course's file\n";

/// The beginning of a declaration.
struct Question {
    /// Its tokens, without the reference's name.
    tokens: TokenStream,
    /// Where it ends in the file.
    end: usize,
}

/// The clauses of a file's `exercise!` that say what is given and how a body is called.
fn question(file: &File) -> Result<Question> {
    let declaration = file.items.iter().find_map(|item| match item {
        Item::Macro(item) if item.mac.path.is_ident("exercise") => Some(item),
        _ => None,
    });
    let ItemMacro { mac, .. } = declaration.context("it declares no exercise")?;
    let mut clauses: Vec<Vec<TokenTree>> = vec![Vec::new()];
    for token in mac.tokens.clone() {
        let ends = matches!(&token, TokenTree::Punct(it) if it.as_char() == ';');
        clauses.last_mut().expect("one at least").push(token);
        if ends {
            clauses.push(Vec::new());
        }
    }
    let begins = |clause: &[TokenTree], word: &str| matches!(clause.first(), Some(TokenTree::Ident(it)) if it == word);
    let calls = clauses.get(1).is_some_and(|clause| begins(clause, "answer"));
    clauses.truncate(if calls { 2 } else { 1 });
    ensure!(!clauses[0].is_empty(), "its declaration is empty");
    let last = clauses.last().and_then(|clause| clause.last()).context("it ends nowhere")?;
    let end = last.span().byte_range().end;
    // `#[doc]`s and the path of the reference come before the first `:` that is no part of `::`, or `as`.
    let tokens = clauses.concat();
    let after_the_path = |i: &usize| match &tokens[*i] {
        TokenTree::Ident(name) => name == "as",
        token => {
            let follows =
                i.checked_sub(1).is_some_and(|i| is_punct(&tokens[i], ':', Spacing::Joint));
            is_punct(token, ':', Spacing::Alone) && !follows
        }
    };
    let path_ends = (0..tokens.len()).find(after_the_path).context("it names no reference")?;
    let tokens = tokens.into_iter().skip(path_ends + 1).collect();
    Ok(Question { tokens, end })
}

fn is_punct(token: &TokenTree, what: char, spacing: Spacing) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == what && it.spacing() == spacing)
}

/// The name that an item defines, or for a macro's call the type that it is about.
fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Const(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Macro(item) => match &item.ident {
            Some(name) => name.to_string(),
            None => {
                // After a rule of the macro, such as `@input`.
                let mut tokens = item.mac.tokens.clone().into_iter().peekable();
                if tokens
                    .next_if(|token| matches!(token, TokenTree::Punct(it) if it.as_char() == '@'))
                    .is_some()
                {
                    tokens.next();
                }
                tokens.find_map(|token| match token {
                    TokenTree::Ident(it) => Some(it.to_string()),
                    _ => None,
                })?
            }
        },
        _ => return None,
    })
}

/// One name that a `use` brings.
struct Leaf {
    /// With its own name last, as it is called there.
    path: Vec<String>,
    /// As it is called here; `*` for all.
    name: String,
}

fn leaves(tree: &UseTree) -> Vec<Leaf> {
    fn collect(tree: &UseTree, path: &mut Vec<String>, found: &mut Vec<Leaf>) {
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                collect(&tree.tree, path, found);
                path.pop();
            }
            UseTree::Group(tree) => tree.items.iter().for_each(|tree| collect(tree, path, found)),
            tree => found.extend(leaf(tree, path)),
        }
    }
    let mut found = Vec::new();
    collect(tree, &mut Vec::new(), &mut found);
    found
}

/// The name at the end of a `use`.
fn leaf(tree: &UseTree, path: &[String]) -> Option<Leaf> {
    let (there, name) = match tree {
        UseTree::Name(tree) => (tree.ident.to_string(), tree.ident.to_string()),
        UseTree::Rename(tree) => (tree.ident.to_string(), tree.rename.to_string()),
        UseTree::Glob(_) => ("*".to_string(), "*".to_string()),
        _ => return None,
    };
    let mut path = path.to_vec();
    // `self` is the module before it.
    let name = if name == "self" { path.last()?.clone() } else { name };
    if there != "self" {
        path.push(there);
    }
    Some(Leaf { path, name })
}

/// A `use` with those names alone that are wanted; nothing if none is.
fn filtered(
    tree: &UseTree,
    path: &mut Vec<String>,
    wanted: &dyn Fn(&Leaf) -> bool,
) -> Option<UseTree> {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            let rest = filtered(&part.tree, path, wanted);
            path.pop();
            let mut part = part.clone();
            part.tree = Box::new(rest?);
            Some(UseTree::Path(part))
        }
        UseTree::Group(group) => {
            let mut group = group.clone();
            group.items =
                group.items.iter().filter_map(|tree| filtered(tree, path, wanted)).collect();
            (!group.items.is_empty()).then_some(UseTree::Group(group))
        }
        tree => leaf(tree, path).is_some_and(|leaf| wanted(&leaf)).then(|| tree.clone()),
    }
}

/// What is kept of a `use`. What comes from the course's own crates is kept where it is needed; a trait
/// of another crate may be used without its name.
fn used(item: &ItemUse, needed: &Names, chapter: &Chapter) -> Option<ItemUse> {
    let own = chapter.package.replace('-', "_");
    let may_hold_answers = |name: &str| {
        name == "crate"
            || name == "super"
            || name == "attn_oracle"
            || name == own
            || name.starts_with("ch")
    };
    let wanted = |leaf: &Leaf| {
        let first = leaf.path.first().map_or("", String::as_str);
        !may_hold_answers(first) || needed.contains(&leaf.name)
    };
    let tree = filtered(&item.tree, &mut Vec::new(), &wanted)?;
    Some(ItemUse { tree, ..item.clone() })
}

/// The names in some code that may be an item's: not those of fields and methods, and not those that the code binds
/// itself.
fn idents(tokens: TokenStream) -> Names {
    fn collect(tokens: TokenStream, in_braces: bool, names: &mut Names, bound: &mut Names) {
        let is = |token: Option<&TokenTree>, what| {
            token.is_some_and(|token| is_punct(token, what, Spacing::Alone))
        };
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (i, token) in tokens.iter().enumerate() {
            let [two_before, before] = [2, 1].map(|back| i.checked_sub(back).map(|i| &tokens[i]));
            let after = tokens.get(i + 1);
            match token {
                TokenTree::Group(group) => {
                    let in_braces = group.delimiter() == Delimiter::Brace;
                    collect(group.stream(), in_braces, names, bound);
                }
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    // `let x` and `mut x`, but not the type of `let X { … }` and of `&mut X`.
                    let is_pattern = matches!(after, Some(TokenTree::Group(_)));
                    let binds = match before {
                        Some(TokenTree::Ident(it)) if it == "let" => !is_pattern,
                        Some(TokenTree::Ident(it)) if it == "mut" => !is(two_before, '&'),
                        _ => false,
                    };
                    // With its type; but not the type that a function gives back.
                    let typed = is(after, ':') && !is(before, '>');
                    let is_field = typed && in_braces && !is(before, '|');
                    if binds || (typed && !is_field) {
                        bound.insert(name);
                    } else if !is_field && !is(before, '.') {
                        names.insert(name);
                    }
                }
                _ => {}
            }
        }
    }
    let (mut names, mut bound) = (Names::new(), Names::new());
    collect(tokens.clone(), false, &mut names, &mut bound);
    // In `let visits = visits(…)` the function is needed.
    let called = called(tokens);
    names.retain(|name| !bound.contains(name) || called.contains(name));
    names
}

/// The names that are bound by what a function of the same name gives.
fn called(tokens: TokenStream) -> Names {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut names = Names::new();
    for token in &tokens {
        if let TokenTree::Group(group) = token {
            names.extend(called(group.stream()));
        }
    }
    for window in tokens.windows(4) {
        if let [TokenTree::Ident(bound), equals, TokenTree::Ident(name), TokenTree::Group(_)] =
            window
            && is_punct(equals, '=', Spacing::Alone)
            && bound == name
        {
            names.insert(name.to_string());
        }
    }
    names
}

/// All names in some code, whatever they are.
fn all_idents(tokens: TokenStream) -> Names {
    let mut names = Names::new();
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                names.insert(name.to_string());
            }
            TokenTree::Group(group) => names.extend(all_idents(group.stream())),
            _ => {}
        }
    }
    names
}

/// Whether an item says how a type is given. It may be the type of a field of what a question names.
fn is_given(item: &Item) -> bool {
    match item {
        Item::Impl(item) => item
            .trait_
            .as_ref()
            .is_some_and(|(path, _)| path.is_ident("Input") || path.is_ident("Given")),
        Item::Macro(item) => item.mac.path.is_ident("given"),
        _ => false,
    }
}

/// The names that an item needs.
fn needed_by(item: &Item) -> Names {
    match item {
        // A `use` brings names and needs none; such a macro needs its type, and names the fields.
        Item::Use(_) => Names::new(),
        Item::Macro(macros)
            if ["fields", "given"].iter().any(|it| macros.mac.path.is_ident(it)) =>
        {
            name_of(item).into_iter().collect()
        }
        item => idents(item.to_token_stream()),
    }
}

/// The paths in a file that begin with `crate` or `super`, in a `use` or where they are used.
fn paths<'i>(items: impl Iterator<Item = &'i Item>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Use(item) => found.extend(leaves(&item.tree).into_iter().map(|leaf| leaf.path)),
            item => found.extend(paths_in(item.to_token_stream())),
        }
    }
    found.retain(|path| matches!(path[0].as_str(), "crate" | "super"));
    found
}

fn paths_in(tokens: TokenStream) -> Vec<Vec<String>> {
    let (mut found, mut path, mut colons) = (Vec::new(), Vec::new(), 0);
    for token in tokens {
        match &token {
            TokenTree::Punct(it) if it.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
            other => {
                found.push(std::mem::take(&mut path));
                match other {
                    TokenTree::Ident(name) => path.push(name.to_string()),
                    TokenTree::Group(group) => found.extend(paths_in(group.stream())),
                    _ => {}
                }
            }
        }
        colons = 0;
    }
    found.push(path);
    found.retain(|path| !path.is_empty());
    found
}

/// A changed item, with its text.
fn unparsed(item: Item) -> (Item, String) {
    let file =
        File { shebang: None, frontmatter: None, attrs: Vec::new(), items: vec![item.clone()] };
    (item, prettyplease::unparse(&file).trim_end().to_string())
}

/// The list of the exercises' modules.
fn list<'a>(items: impl Iterator<Item = &'a String>) -> String {
    let items: String = items.map(|item| format!("pub mod {item};\n")).collect();
    format!("//! What the exercises of this chapter ask, one per file.\n\n{items}")
}
