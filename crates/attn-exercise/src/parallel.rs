//! Several exercises at a time, answered for in order.

use std::{
    iter,
    num::NonZero,
    sync::{Mutex, mpsc},
    thread,
};

/// How many at most: each worker process may use all the memory that its limit allows.
const AT_ONCE: usize = 4;

/// Calls `work` on every item, on all cores but at most four, and `take` on each result, in the order
/// of the items, as soon as it and those before it are there.
///
/// # Errors
/// The first one of `take`. What has not been begun by then is let go.
pub(crate) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let (senders, receivers): (Vec<_>, Vec<_>) = items.iter().map(|_| mpsc::channel()).unzip();
    let left = Mutex::new(iter::zip(items, senders));
    let next = || left.lock().ok()?.next();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(AT_ONCE) {
            scope.spawn(|| {
                while let Some((item, sender)) = next() {
                    if sender.send(work(item)).is_err() {
                        break;
                    }
                }
            });
        }
        receivers.into_iter().flatten().try_for_each(take)
    })
}

#[cfg(test)]
mod tests {
    use super::in_order;
    use std::{thread, time::Duration};

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..20).collect();
        let mut came = Vec::new();
        let slow_first = |item: &u64| {
            thread::sleep(Duration::from_millis(20 - item));
            *item
        };
        let take = |item| {
            came.push(item);
            Ok::<_, ()>(())
        };
        assert_eq!(in_order(&items, slow_first, take), Ok(()));
        assert_eq!(came, items);
    }

    #[test]
    fn the_first_error_is_returned() {
        let take = |item| if item < 3 { Ok(()) } else { Err(item) };
        assert_eq!(in_order(&[1, 2, 3, 4], |item| *item, take), Err(3));
        assert_eq!(in_order(&[], |item: &u32| *item, take), Ok(()));
    }
}
