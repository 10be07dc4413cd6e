//! The trained models that turn written dates into ISO dates, run by this chapter's own code, or by
//! somebody else's answers to its exercises.
//!
//! Their equations and tensors are `attn_dates`'s, which stores matrices as (outputs, inputs); here
//! vectors are rows, so they are turned over when they are loaded.

use crate::{
    Attended, Gru,
    functions::{Functions, REFERENCE},
};
use attn_dates::{
    LONGEST_TARGET, Model, Weights,
    answer::{self, NoDate},
    calendar::Date,
    vocabulary::{END, START, SourceError, decode_target, encode_source},
};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};

/// How a decoder's state looks back at the encoder's states.
pub type Look = Box<dyn Fn(ArrayView1<f32>, ArrayView2<f32>) -> Attended>;

/// A trained encoder and decoder, with its way of looking back.
pub struct Translator {
    source: Embedding,
    target: Embedding,
    encoder: Gru,
    decoder: Gru,
    /// Its own look back; `attend_all` where there is none.
    look: Option<Look>,
    functions: Functions,
    /// 2d×vocab: the state, then the context.
    w_out: Array2<f32>,
    b_out: Array1<f32>,
}

/// One row per token.
struct Embedding(Array2<f32>);

/// A decoder at work: what it looks back at, and where it stands.
pub struct Writer<'a> {
    model: &'a Translator,
    states: &'a Array2<f32>,
    state: Array1<f32>,
    /// Where each step looked, so far.
    weights: Vec<Array1<f32>>,
    /// The probability of the likeliest token of each step, so far.
    probabilities: Vec<f32>,
}

/// What a model makes of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// The source's tokens, start and end included: m.
    pub source: Vec<usize>,
    /// The characters that were written, without the end.
    pub output: String,
    /// Where each step looked, n×m: a row for each character, and one for the end.
    pub weights: Array2<f32>,
    /// The dates, or why the output is not taken for any.
    pub dates: Result<Vec<Date>, NoDate>,
}

impl Translator {
    /// The model without attention: its context is the encoder's last state.
    ///
    /// # Panics
    /// If the weights are another model's.
    pub fn fixed(weights: &Weights) -> Self {
        assert_eq!(weights.model(), Model::Fixed);
        Translator::new(weights, Box::new(last_only))
    }

    /// The model with dot attention.
    ///
    /// # Panics
    /// If the weights are another model's.
    pub fn dot(weights: &Weights) -> Self {
        assert_eq!(weights.model(), Model::Dot);
        Translator::with(weights, None)
    }

    /// A recurrent model with a look back of its own.
    pub fn new(weights: &Weights, look: Look) -> Self {
        Translator::with(weights, Some(look))
    }

    /// The same model, run by these functions in place of the reference's.
    pub fn on(self, functions: Functions) -> Self {
        Translator { functions, ..self }
    }

    fn with(weights: &Weights, look: Option<Look>) -> Self {
        let gru = |part: &str| Gru {
            w_x: turned(weights.matrix(&format!("{part}.weight_ih"))),
            w_h: turned(weights.matrix(&format!("{part}.weight_hh"))),
            b_x: weights.vector(&format!("{part}.bias_ih")).to_owned(),
            b_h: weights.vector(&format!("{part}.bias_hh")).to_owned(),
        };
        let embedding = |part: &str| {
            let rows = weights.matrix(&format!("{part}.embedding"));
            Embedding(rows.to_owned())
        };
        Translator {
            source: embedding("encoder"),
            target: embedding("decoder"),
            encoder: gru("encoder"),
            decoder: gru("decoder"),
            look,
            functions: REFERENCE,
            w_out: turned(weights.matrix("readout.weight")),
            b_out: weights.vector("readout.bias").to_owned(),
        }
    }

    /// Reads a source: the state after each of its tokens, m×d.
    pub fn read(&self, source: &[usize]) -> Array2<f32> {
        let d = self.encoder.width();
        let mut state = Array1::zeros(d);
        let mut states = Array2::zeros((source.len(), d));
        for (&token, mut row) in source.iter().zip(states.rows_mut()) {
            state = (self.functions.gru_step)(&self.encoder, self.source.of(token), state.view());
            row.assign(&state);
        }
        states
    }

    /// A decoder over what was read.
    ///
    /// # Panics
    /// If nothing was read.
    #[track_caller]
    pub fn writer<'a>(&'a self, states: &'a Array2<f32>) -> Writer<'a> {
        let last = states.rows().into_iter().next_back();
        Writer {
            model: self,
            states,
            state: last.expect("no states to attend to").to_owned(),
            weights: Vec::new(),
            probabilities: Vec::new(),
        }
    }

    fn look(&self, state: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
        match &self.look {
            Some(look) => look(state, states),
            None => (self.functions.attend_all)(state, states),
        }
    }

    /// Greedy decoding of a written text.
    ///
    /// # Errors
    /// When the text is none that the models take: empty, too long, or with an unknown character.
    pub fn translate(&self, text: &str) -> Result<Translation, SourceError> {
        let source = encode_source(text)?;
        let states = self.read(&source);
        let mut writer = self.writer(&states);
        let mut step = |token| writer.step(token);
        let tokens = (self.functions.greedy)(&mut step, START, END, LONGEST_TARGET);
        let output = decode_target(&tokens);
        let lowest = writer.probabilities.iter().copied().fold(1.0, f32::min);
        let ended = tokens.len() < LONGEST_TARGET;
        Ok(Translation {
            source,
            dates: answer::read(text, &output, ended, lowest),
            output,
            weights: writer.looked(),
        })
    }

    /// The logits under teacher forcing, (n + 1)×vocab, and where each step looked, (n + 1)×m: the
    /// decoder is fed the start and then the n tokens of `target`.
    pub fn forced(&self, source: &[usize], target: &[usize]) -> (Array2<f32>, Array2<f32>) {
        let states = self.read(source);
        let mut writer = self.writer(&states);
        let mut logits = Array2::zeros((target.len() + 1, self.b_out.len()));
        let inputs = [&[START], target].concat();
        for (&token, mut row) in inputs.iter().zip(logits.rows_mut()) {
            row.assign(&writer.step(token));
        }
        (logits, writer.looked())
    }
}

impl Writer<'_> {
    // ANCHOR: writer
    /// Feeds one token and gives the logits of the next one, in Bahdanau's order: look back with
    /// the state before, step, read out the state after beside the context.
    pub fn step(&mut self, token: usize) -> Array1<f32> {
        let Functions { gru_step, softmax, .. } = self.model.functions; // the reference's, or yours
        let Attended { context, weights } = self.model.look(self.state.view(), self.states.view());
        let x = concatenate![Axis(0), self.model.target.of(token), context];
        self.state = gru_step(&self.model.decoder, x.view(), self.state.view());
        let both = concatenate![Axis(0), self.state, context]; // 2d
        let logits = both.dot(&self.model.w_out) + &self.model.b_out;
        self.weights.push(weights);
        self.probabilities.push(largest(softmax(logits.view()).view()));
        logits
    }
    // ANCHOR_END: writer

    /// Where each step looked so far, one row per step.
    pub fn looked(&self) -> Array2<f32> {
        let mut looked = Array2::zeros((self.weights.len(), self.states.nrows()));
        for (weights, mut row) in self.weights.iter().zip(looked.rows_mut()) {
            row.assign(weights);
        }
        looked
    }
}

impl Embedding {
    fn of(&self, token: usize) -> ArrayView1<'_, f32> {
        self.0.row(token)
    }
}

/// No look back: all of the weight on the last state.
fn last_only(_: ArrayView1<f32>, states: ArrayView2<f32>) -> Attended {
    let last = states.nrows() - 1;
    let mut weights = Array1::zeros(states.nrows());
    weights[last] = 1.0;
    Attended { context: states.row(last).to_owned(), weights }
}

/// (outputs, inputs) as (inputs, outputs).
fn turned(matrix: ArrayView2<f32>) -> Array2<f32> {
    matrix.t().as_standard_layout().into_owned()
}

fn largest(values: ArrayView1<f32>) -> f32 {
    values.fold(f32::NEG_INFINITY, |most, &x| most.max(x))
}
