//! A rung with the learner's functions in it, for the demonstration: `cargo attn run 9 --mine`.

use super::unit::{NAME, Origin, Unit, headings_are_there, is_heading, numbered, section};
use crate::{Error, Program, Rung, rung::definitions};

/// The exercises: the id, the function, and the kernel that it is in.
const PLACES: [(&str, &str, Rung); 5] = [
    ("9.1", "online_softmax", Rung::Tiled),
    ("9.2", "tiled", Rung::Tiled),
    ("9.3", "place", Rung::Warp),
    ("9.4", "key_end", Rung::Warp),
    ("9.5", "merge", Rung::Split),
];

/// Whose a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The learner's.
    Yours,
    /// The reference's, because the learner's is still the starter's.
    NotSolved,
    /// The reference's, because the learner's does not compile.
    DoesNotCompile,
}

/// A function of a kernel that an exercise asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The exercise.
    pub id: &'static str,
    /// Its name.
    pub item: &'static str,
    /// Whose it is.
    pub whose: Whose,
}

/// A rung with a learner's functions in it.
pub struct Mine {
    /// The program.
    pub program: Program,
    /// Whose each function is that an exercise asks for.
    pub functions: Vec<Function>,
    unit: Unit,
}

impl Mine {
    /// What the simulator says, with its lines as the learner knows them: `line 41`, or `line 55 of
    /// kernels/tiled.cu`.
    pub fn in_words(&self, finding: &str) -> String {
        self.unit.in_words(finding)
    }

    /// The line of the learner's file that stands in this line of the program, if one does.
    pub fn own_line(&self, number: u32) -> Option<usize> {
        self.unit.own_line(number)
    }
}

/// A rung with the functions of a learner's file that says `answers`.
///
/// # Errors
/// No exercise in that rung, a heading that is gone, or no compiler.
pub fn mine(rung: Rung, answers: &str, d: usize) -> Result<Mine, Error> {
    let places = PLACES.into_iter().filter(|(_, _, its)| *its == rung);
    let mut functions: Vec<Function> = places
        .map(|(id, item, _)| {
            let solved = code(answers, id) != code(include_str!("../../starter.cu"), id);
            let whose = if solved { Whose::Yours } else { Whose::NotSolved };
            Function { id, item, whose }
        })
        .collect();
    if functions.is_empty() {
        let name = rung.name();
        return Err(Error::Sizes(format!(
            "no exercise is in the rung {name}; there are some in tiled, warp and split"
        )));
    }
    for function in &functions {
        headings_are_there(answers, function.id).map_err(|log| Error::DoesNotCompile { log })?;
    }
    let definitions = definitions(d)?;
    let compiled = |functions: &[Function]| {
        let unit = with_answers(rung, answers, functions);
        match Program::compile(NAME, &unit.text, &definitions) {
            Err(Error::DoesNotCompile { .. }) => Ok(None),
            other => other.map(|program| Some((program, unit))),
        }
    };
    if let Some((program, unit)) = compiled(&functions)? {
        return Ok(Mine { program, functions, unit });
    }
    // Each by itself; and if they only fail together, none.
    for function in &mut functions {
        if function.whose == Whose::Yours && compiled(&[*function])?.is_none() {
            function.whose = Whose::DoesNotCompile;
        }
    }
    if let Some((program, unit)) = compiled(&functions)? {
        return Ok(Mine { program, functions, unit });
    }
    for function in &mut functions {
        if function.whose == Whose::Yours {
            function.whose = Whose::DoesNotCompile;
        }
    }
    let unit = Unit::whole(&kernel(rung), rung.source());
    Ok(Mine { program: rung.program(d)?, functions, unit })
}

/// The kernel's text with the learner's functions in the places of its own, and before it what stands
/// above the first section of the learner's file.
fn with_answers(rung: Rung, answers: &str, functions: &[Function]) -> Unit {
    let above = numbered(answers, Origin::Answers).take_while(|(_, line)| !is_heading(line));
    let mut lines: Vec<(Origin, &str)> = above.collect();
    let mut source = numbered(rung.source(), Origin::Kernel);
    while let Some(line) = source.next() {
        let begun = functions.iter().find(|function| {
            let begins = format!("// ANCHOR: {}", function.item);
            function.whose == Whose::Yours && line.1.trim() == begins
        });
        match begun {
            None => lines.push(line),
            Some(Function { id, item, .. }) => {
                let end = format!("// ANCHOR_END: {item}");
                source.by_ref().find(|(_, line)| line.trim() == end);
                lines.extend(section(answers, id));
            }
        }
    }
    Unit::of(&kernel(rung), lines.into_iter())
}

/// Its file, for messages.
fn kernel(rung: Rung) -> String {
    format!("kernels/{}.cu", rung.name())
}

/// A section of a file without comments and empty lines.
fn code(text: &str, id: &str) -> Vec<String> {
    let lines = section(text, id).map(|(_, line)| line.trim());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learners_function_takes_the_place_of_the_kernels() {
        let answers = "#define ABOVE\n// ━━ 9.3 A ━━\nmine\n// ━━ 9.4 B ━━\nother\n";
        let place = |whose| [Function { id: "9.3", item: "place", whose }];
        let unit = with_answers(Rung::Warp, answers, &place(Whose::Yours));
        let text = &unit.text;
        let at = text.lines().position(|line| line == "mine").expect("it is there") as u32 + 1;
        assert_eq!((unit.own_line(at), unit.own_line(at + 1)), (Some(3), None));
        assert!(text.starts_with("#define ABOVE\n"), "{text}");
        assert!(
            text.contains("\nmine\n") && !text.contains("place(int key, int four)\n"),
            "{text}"
        );
        assert!(text.contains("key_end("), "the rest is the kernel's: {text}");
        let text = with_answers(Rung::Warp, answers, &place(Whose::NotSolved)).text;
        assert!(!text.contains("mine"), "{text}");
    }
}
