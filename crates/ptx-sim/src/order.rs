//! The order in which parted lanes go, so that they meet again: a place where two ways join comes
//! after both.
//!
//! The lowest instruction first would do, if compilers laid code out that way; but they move
//! branches that are rarely taken to the end, behind the place where they join. So the blocks of
//! straight code are put in reverse postorder of a depth-first search (Diamos et al., “SIMD
//! re-convergence at thread frontiers”, MICRO 2011). Of two successors the search takes the later
//! one first, which puts it last: that is where loops are left.

use crate::instruction::{Action, Instruction};

/// For each instruction its rank.
pub(crate) fn ranks(code: &[Instruction]) -> Vec<u32> {
    let order = reverse_postorder(code.len(), |at| successors(code, at));
    let mut ranks = vec![u32::MAX; code.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = rank as u32;
    }
    ranks
}

/// Where an instruction may go on, the later one first.
fn successors(code: &[Instruction], at: usize) -> [Option<usize>; 2] {
    let next = Some(at + 1).filter(|next| *next < code.len());
    let always = code[at].guard.is_none();
    match code[at].action {
        Action::Branch { target } if always || next == Some(target) => [Some(target), None],
        Action::Branch { target } => [Some(target).max(next), Some(target).min(next)],
        Action::Exit | Action::Trap if always => [None, None],
        _ => [next, None],
    }
}

/// Instructions that can be reached from the first, in reverse postorder. Without recursion: a
/// kernel may be long.
fn reverse_postorder(n: usize, successors: impl Fn(usize) -> [Option<usize>; 2]) -> Vec<usize> {
    let mut seen = vec![false; n];
    let mut out = Vec::new();
    let mut path: Vec<(usize, usize)> = Vec::new();
    let mut enter = (n > 0).then_some(0);
    loop {
        if let Some(at) = enter.take() {
            seen[at] = true;
            path.push((at, 0));
        }
        let Some((at, edge)) = path.last_mut() else {
            break;
        };
        if *edge == 2 {
            out.push(*at);
            path.pop();
            continue;
        }
        enter = successors(*at)[*edge].filter(|next| !seen[*next]);
        *edge += 1;
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(edges: &[[Option<usize>; 2]]) -> Vec<usize> {
        reverse_postorder(edges.len(), |at| edges[at])
    }

    #[test]
    fn both_ways_come_before_the_place_where_they_join() {
        // 0 branches to 3, which lies behind the join, 1.
        let edges = [[Some(3), Some(1)], [Some(2), None], [None, None], [Some(1), None]];
        assert_eq!(order(&edges), [0, 3, 1, 2]);
    }

    #[test]
    fn a_loop_comes_before_what_follows_it() {
        // 1 is the head, 2 the body, 3 what follows.
        let edges = [[Some(1), None], [Some(3), Some(2)], [Some(1), None], [None, None]];
        assert_eq!(order(&edges), [0, 1, 2, 3]);
    }
}
