use crate::number;

/// One axis of a chart: what it measures, in which unit, and whether it is logarithmic.
///
/// ```
/// use attn_viz::Axis;
/// let memory = Axis::linear("cache (MiB)").from_zero();
/// let length = Axis::log("sequence length (tokens)").ticks([128.0, 1024.0, 8192.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Axis {
    pub(crate) title: String,
    log: bool,
    from_zero: bool,
    at_least: Option<f64>,
    ticks: Vec<f64>,
}

impl Axis {
    /// Equal distances are equal differences. The title should name the unit, where there is one.
    pub fn linear(title: &str) -> Self {
        Axis {
            title: title.into(),
            log: false,
            from_zero: false,
            at_least: None,
            ticks: Vec::new(),
        }
    }

    /// Equal distances are equal ratios. Points at or below zero have no place on it and are left
    /// out.
    pub fn log(title: &str) -> Self {
        Axis { log: true, ..Axis::linear(title) }
    }

    /// Makes zero part of a linear axis, whatever the data are.
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// Goes at least as far as this value, so that two charts have the same scale.
    pub fn at_least(mut self, value: f64) -> Self {
        self.at_least = Some(value);
        self
    }

    /// Exactly these ticks, for axes whose natural steps are not 1, 2 and 5, such as powers of two.
    pub fn ticks(mut self, ticks: impl IntoIterator<Item = f64>) -> Self {
        self.ticks = ticks.into_iter().collect();
        self
    }

    pub(crate) fn shows(&self, x: f64) -> bool {
        x.is_finite() && (!self.log || x > 0.0)
    }

    /// The axis fitted to the values that it can show; from 0 to 1 (or 1 to 10) if there are none.
    pub(crate) fn fit(&self, values: impl Iterator<Item = f64>) -> Scale {
        let zero = (self.from_zero && !self.log).then_some(0.0);
        let all = values.chain(self.ticks.iter().copied()).chain(zero).chain(self.at_least);
        let all = all.filter(|&x| self.shows(x));
        let (low, high) = all
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = match (self.log, low > high) {
            (true, true) => (1.0, 10.0),
            (true, false) if low == high => (low / 2.0, high * 2.0),
            (false, true) => (0.0, 1.0),
            (false, false) if low == high => widened(low),
            _ => (low, high),
        };
        let ticks = if !self.ticks.is_empty() {
            let shown = self.ticks.iter().copied();
            shown.filter(|&t| self.shows(t)).collect()
        } else if self.log {
            log_ticks(low, high)
        } else {
            linear_ticks(low, high)
        };
        // A linear axis ends at ticks, so that the last number is readable; a logarithmic one at
        // its data.
        let (low, high) = match (self.log, ticks.as_slice()) {
            (false, [first, .., last]) => (low.min(*first), high.max(*last)),
            _ => (low, high),
        };
        Scale { low, high, log: self.log, ticks }
    }
}

/// An axis with its ends and its ticks.
pub(crate) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    pub ticks: Vec<f64>,
}

impl Scale {
    /// 0 at the low end, 1 at the high end. Divided by halves, so that ends near the largest float
    /// do not overflow.
    pub fn place(&self, x: f64) -> f64 {
        if self.log {
            (x / self.low).ln() / (self.high / self.low).ln()
        } else {
            (x / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        }
    }

    pub fn label(&self, tick: f64) -> String {
        number::short(tick)
    }
}

/// Ends around a single value, from zero where that is one of them.
fn widened(x: f64) -> (f64, f64) {
    if x == 0.0 { (0.0, 1.0) } else { (x.min(0.0), x.max(0.0)) }
}

/// Four to nine multiples of 1, 2 or 5 times a power of ten that enclose the interval.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = high / 5.0 - low / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = power
        * match rough / power {
            r if r <= 1.0 => 1.0,
            r if r <= 2.0 => 2.0,
            r if r <= 5.0 => 5.0,
            _ => 10.0,
        };
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    // An interval that is tiny beside its own ends has no room for steps between.
    if !(last - first).is_finite() || last - first > 20.0 || last <= first {
        return vec![low, high];
    }
    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect()
}

/// Powers of ten; where fewer than two fall inside, 2 and 5 times them as well.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let stride = ((last - first) / 8 + 1) as usize;
    let inside = |t: &f64| (low * 0.999..=high * 1.001).contains(t);
    let decades: Vec<f64> =
        (first..=last).step_by(stride).map(|e| 10f64.powi(e)).filter(inside).collect();
    if decades.len() >= 2 {
        return decades;
    }
    (first..=last).flat_map(|e| [1.0, 2.0, 5.0].map(|d| d * 10f64.powi(e))).filter(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: Axis, values: &[f64]) -> Vec<f64> {
        axis.fit(values.iter().copied()).ticks
    }

    #[test]
    fn ticks_are_round_and_enclose_linear_data() {
        let got = ticks(Axis::linear("x"), &[0.03, 0.97]);
        let want = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(got.len(), want.len());
        assert_eq!(ticks(Axis::linear("x").from_zero(), &[7.0])[0], 0.0);
    }

    #[test]
    fn log_axes_have_decades_or_the_steps_between() {
        assert_eq!(ticks(Axis::log("x"), &[1.0, 1000.0]), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(ticks(Axis::log("x"), &[2.0, 30.0]), [2.0, 5.0, 10.0, 20.0]);
        assert!(ticks(Axis::log("x"), &[1e-300, 1e300]).len() < 12);
    }

    #[test]
    fn odd_data_still_has_a_scale() {
        for axis in [Axis::linear("x"), Axis::log("x")] {
            for data in [
                &[][..],
                &[f64::NAN],
                &[0.0],
                &[-1.0],
                &[5.0],
                &[1e308, -1e308],
                &[1.0, 1.0 + 1e-16],
            ] {
                let scale = axis.fit(data.iter().copied());
                assert!(scale.low < scale.high, "{data:?}");
                let shown = scale.ticks.iter().chain(data).filter(|&&x| axis.shows(x));
                for &x in shown {
                    assert!((-0.001..=1.001).contains(&scale.place(x)), "{data:?} {x}");
                }
            }
        }
    }

    #[test]
    fn explicit_ticks_are_kept() {
        let scale = Axis::log("d").ticks([4.0, 64.0, 1024.0]).fit([4.0].into_iter());
        assert_eq!(scale.ticks, [4.0, 64.0, 1024.0]);
        assert!((scale.place(64.0) - 0.5).abs() < 1e-12);
    }
}
