//! What was measured, from the files that `cargo attn bench N --write` makes.

/// A file of measurements: lines `# name: value` about the machine, then a line for each thing.
#[derive(Clone, Copy, Debug)]
pub struct Measured(&'static str);

/// A thing that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What kind of measurement it is.
    pub kind: &'static str,
    /// Of what.
    pub name: &'static str,
    /// What the numbers are.
    pub unit: &'static str,
    /// Half of the rounds gave less.
    pub median: f64,
    /// The middle half of the rounds, its least.
    pub low: f64,
    /// And its largest.
    pub high: f64,
    /// What it was measured in turn with, that one's median, and how many times as fast this is.
    pub other: Option<(&'static str, f64, f64)>,
}

impl Measured {
    /// The file's text.
    pub const fn new(text: &'static str) -> Self {
        Measured(text)
    }

    /// What the file says about the machine or the sitting.
    ///
    /// ```
    /// use attn_viz::Measured;
    /// let measured = Measured::new("# threads: 2\nkind,name,unit,median,low,high,other,other_median,ratio\n\
    ///     decode,64 tokens,tokens/s,300.0,290.0,310.0,without,100.0,3.000\n");
    /// assert_eq!(measured.about("threads"), "2");
    /// assert_eq!(measured.of("decode").next().unwrap().other, Some(("without", 100.0, 3.0)));
    /// ```
    pub fn about(&self, name: &str) -> &'static str {
        let prefix = format!("# {name}: ");
        let line = self.0.lines().find(|line| line.starts_with(&prefix));
        line.map_or("unknown", |line| &line[prefix.len()..])
    }

    /// All lines of a kind.
    pub fn of(&self, kind: &'static str) -> impl Iterator<Item = Line> + use<> {
        self.lines().filter(move |line| line.kind == kind)
    }

    /// The line of this name.
    ///
    /// # Panics
    /// If there is none of this kind and name.
    pub fn line(&self, kind: &'static str, name: &str) -> Line {
        let found = self.of(kind).find(|line| line.name == name);
        found.unwrap_or_else(|| panic!("nothing of {kind} is called {name}"))
    }

    /// A table of what the file says under these names.
    pub fn sitting(&self, names: &[&str]) -> String {
        let mut table = String::from("| about | |\n| --- | --- |\n");
        for name in names {
            table += &format!("| {name} | {} |\n", self.about(name));
        }
        table
    }

    fn lines(&self) -> impl Iterator<Item = Line> + use<> {
        let rows = self.0.lines().filter(|line| !line.starts_with('#')).skip(1);
        rows.filter_map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let [kind, name, unit, median, low, high, other, theirs, ratio] = cells[..] else {
                return None;
            };
            let number = |text: &str| text.parse().unwrap_or(f64::NAN);
            Some(Line {
                kind,
                name,
                unit,
                median: number(median),
                low: number(low),
                high: number(high),
                other: (!other.is_empty()).then(|| (other, number(theirs), number(ratio))),
            })
        })
    }
}
