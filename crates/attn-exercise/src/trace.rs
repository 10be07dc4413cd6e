//! Exercises with state: operations in, an observation after each.

use crate::{Field, Fields};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, fmt::Display};

/// What was observed after each operation of a case.
///
/// The learner writes functions over a given type, such as a cache. A case is a list of operations;
/// the answer is what can be seen of the state after each of them. So a verdict names the first
/// operation that went wrong: `after 3 · push 0.5, row_max is 0.5000, should be 2.0000`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trace<O> {
    after: Vec<(String, O)>,
}

impl<O> Trace<O> {
    /// Carries out the operations one after the other. `step` changes the state and says what can
    /// be seen of it then. A panic in it is reported with its operation.
    ///
    /// ```
    /// use attn_exercise::{Fields, Trace};
    /// let sums = Trace::of([1.5_f32, 2.0], 0.0, |sum: &mut f32, x| {
    ///     *sum += x;
    ///     ndarray::arr1(&[*sum])
    /// });
    /// assert_eq!(sums.fields()[1].heading(), "after 2 · 2, result 1");
    /// ```
    pub fn of<P: Display, S>(
        operations: impl IntoIterator<Item = P>,
        mut state: S,
        mut step: impl FnMut(&mut S, P) -> O,
    ) -> Self {
        let operations = operations.into_iter().enumerate();
        let after = operations.map(|(i, operation)| {
            let name = format!("{} · {operation}", i + 1);
            set(Some(name.clone()));
            (name, step(&mut state, operation))
        });
        let after = after.collect();
        set(None);
        Trace { after }
    }
}

impl<O: Fields> Fields for Trace<O> {
    fn fields(&self) -> Vec<Field> {
        let after = self.after.iter().flat_map(|(operation, seen)| {
            seen.fields().into_iter().map(move |field| Field {
                name: format!("after {operation}, {}", field.name).into(),
                value: field.value,
            })
        });
        after.collect()
    }
}

thread_local! {
    static OPERATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn set(operation: Option<String>) {
    OPERATION.with(|slot| *slot.borrow_mut() = operation);
}

/// The operation that this thread is carrying out, and from now on none: for the report of a panic.
pub(crate) fn take_operation() -> Option<String> {
    OPERATION.with(|slot| slot.try_borrow_mut().ok()?.take())
}
