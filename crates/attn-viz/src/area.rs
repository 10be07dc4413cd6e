/// A point of a schematic: how far from the left, how far from the top.
pub type Point = (f64, f64);

/// A rectangle in a schematic, in its units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// How wide.
    pub w: f64,
    /// How high.
    pub h: f64,
}

impl Area {
    /// By its upper left corner and its size.
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Area { x, y, w, h }
    }

    /// One of the same size below it.
    pub fn below(self, gap: f64) -> Self {
        Area { y: self.y + self.h + gap, ..self }
    }

    /// One of the same size to the right of it.
    pub fn beside(self, gap: f64) -> Self {
        Area { x: self.x + self.w + gap, ..self }
    }

    /// Its middle.
    pub fn middle(self) -> Point {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// The middle of its left side.
    pub fn left(self) -> Point {
        (self.x, self.middle().1)
    }

    /// The middle of its right side.
    pub fn right(self) -> Point {
        (self.x + self.w, self.middle().1)
    }

    /// The middle of its upper side.
    pub fn top(self) -> Point {
        (self.middle().0, self.y)
    }

    /// The middle of its lower side.
    pub fn bottom(self) -> Point {
        (self.middle().0, self.y + self.h)
    }

    /// From this one's side to the other's: straight where they face each other, and otherwise
    /// down or up, across, and on.
    pub(crate) fn route_to(self, to: Area) -> Vec<Point> {
        let upright = shared((self.x, self.w), (to.x, to.w));
        let level = shared((self.y, self.h), (to.y, to.h));
        let down = self.middle().1 < to.middle().1;
        let (start, end) = if down { (self.bottom(), to.top()) } else { (self.top(), to.bottom()) };
        match (upright, level) {
            (Some(x), _) => vec![(x, start.1), (x, end.1)],
            (None, Some(y)) if self.x < to.x => vec![(self.right().0, y), (to.x, y)],
            (None, Some(y)) => vec![(self.x, y), (to.right().0, y)],
            (None, None) => {
                let between = (start.1 + end.1) / 2.0;
                vec![start, (start.0, between), (end.0, between), end]
            }
        }
    }
}

/// The middle of what two stretches share, each given by its beginning and its length.
fn shared(a: (f64, f64), b: (f64, f64)) -> Option<f64> {
    let (from, to) = (a.0.max(b.0), (a.0 + a.1).min(b.0 + b.1));
    (from < to).then_some((from + to) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Area = Area::new(0.0, 0.0, 4.0, 2.0);

    #[test]
    fn areas_that_face_each_other_are_joined_by_a_straight_line() {
        assert_eq!(HERE.route_to(HERE.below(3.0)), [(2.0, 2.0), (2.0, 5.0)]);
        assert_eq!(HERE.below(3.0).route_to(HERE), [(2.0, 5.0), (2.0, 2.0)]);
        assert_eq!(HERE.route_to(HERE.beside(3.0)), [(4.0, 1.0), (7.0, 1.0)]);
        assert_eq!(HERE.beside(3.0).route_to(HERE), [(7.0, 1.0), (4.0, 1.0)]);
    }

    #[test]
    fn a_straight_line_runs_where_both_are() {
        let narrow = Area::new(3.0, 6.0, 9.0, 2.0);
        assert_eq!(HERE.route_to(narrow), [(3.5, 2.0), (3.5, 6.0)]);
    }

    #[test]
    fn others_are_joined_around_two_corners() {
        let there = Area::new(10.0, 8.0, 2.0, 2.0);
        assert_eq!(HERE.route_to(there), [(2.0, 2.0), (2.0, 5.0), (11.0, 5.0), (11.0, 8.0)]);
    }
}
