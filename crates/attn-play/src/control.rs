//! What a reader can set.

/// One thing that a reader can set: a slider, a choice or a switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// Its name in [`Settings`], without spaces.
    pub name: String,
    /// What the reader calls it.
    pub label: String,
    /// Of which kind it is, and where it stands at first.
    pub kind: Kind,
}

/// The kinds of control. Each has a number for its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Any of the numbers from the first to the second, in steps of the third; and the first value.
    Range {
        /// The least value.
        low: f64,
        /// The largest value.
        high: f64,
        /// From one value to the next.
        step: f64,
        /// Where it stands at first.
        start: f64,
        /// Whether the page may let it run by itself, step by step.
        runs: bool,
    },
    /// One of these, by its index.
    Choice {
        /// Their names.
        options: Vec<String>,
        /// The index of the first one chosen.
        start: usize,
    },
    /// On (1) or off (0).
    Switch {
        /// Whether it is on at first.
        start: bool,
    },
}

impl Control {
    /// A slider.
    pub fn range(name: &str, label: &str, (low, high): (f64, f64), step: f64, start: f64) -> Self {
        Control::new(name, label, Kind::Range { low, high, step, start, runs: false })
    }

    /// A slider over steps of a process, which the page can run through.
    pub fn steps(name: &str, label: &str, last: usize, start: usize) -> Self {
        let (high, start) = (last as f64, start as f64);
        Control::new(name, label, Kind::Range { low: 0.0, high, step: 1.0, start, runs: true })
    }

    /// A choice.
    pub fn choice(name: &str, label: &str, options: &[&str], start: usize) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        Control::new(name, label, Kind::Choice { options, start })
    }

    /// A switch.
    pub fn switch(name: &str, label: &str, start: bool) -> Self {
        Control::new(name, label, Kind::Switch { start })
    }

    fn new(name: &str, label: &str, kind: Kind) -> Self {
        Control { name: name.into(), label: label.into(), kind }
    }

    /// Where it stands at first.
    pub fn start(&self) -> f64 {
        match self.kind {
            Kind::Range { start, .. } => start,
            Kind::Choice { start, .. } => start as f64,
            Kind::Switch { start } => f64::from(u8::from(start)),
        }
    }

    /// The value of this control that is nearest to `value`; the first one for what is no number.
    fn nearest(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.start();
        }
        match &self.kind {
            Kind::Range { low, high, step, .. } => {
                let steps = ((value.clamp(*low, *high) - low) / step).round();
                (low + steps * step).min(*high)
            }
            Kind::Choice { options, .. } => {
                value.round().clamp(0.0, options.len().saturating_sub(1) as f64)
            }
            Kind::Switch { .. } => f64::from(u8::from(value != 0.0)),
        }
    }
}

/// Where the controls of a widget stand. Every value is one that its control can have.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings(Vec<(String, f64)>);

impl Settings {
    /// Where the controls stand at first.
    pub fn first(controls: &[Control]) -> Self {
        Settings(controls.iter().map(|one| (one.name.clone(), one.start())).collect())
    }

    /// From `name=value` pairs with `&` between them. A control that is not named stands where it stands at first;
    /// a value that it cannot have becomes the nearest that it can; names of no control are let go.
    ///
    /// ```
    /// use attn_play::{Control, Settings};
    /// let controls = [Control::range("n", "queries", (1.0, 8.0), 1.0, 3.0), Control::switch("causal", "causal", true)];
    /// let settings = Settings::parse(&controls, "n=99");
    /// assert_eq!((settings.count("n"), settings.is_on("causal")), (8, true));
    /// ```
    pub fn parse(controls: &[Control], text: &str) -> Self {
        let mut settings = Settings::first(controls);
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let control = controls.iter().find(|control| control.name == name);
            if let (Some(control), Ok(value)) = (control, value.parse()) {
                settings.set(name, control.nearest(value));
            }
        }
        settings
    }

    fn set(&mut self, name: &str, value: f64) {
        for (_, old) in self.0.iter_mut().filter(|(known, _)| known == name) {
            *old = value;
        }
    }

    /// The value of a control.
    ///
    /// # Panics
    /// If no control has this name.
    #[track_caller]
    pub fn value(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no control is called {name}")).1
    }

    /// The value of a control of whole numbers.
    ///
    /// # Panics
    /// If no control has this name.
    #[track_caller]
    pub fn count(&self, name: &str) -> usize {
        self.value(name) as usize
    }

    /// Whether a switch is on.
    ///
    /// # Panics
    /// If no control has this name.
    #[track_caller]
    pub fn is_on(&self, name: &str) -> bool {
        self.value(name) != 0.0
    }
}
