//! Several large pieces of work at a time, each on a thread of its own.
//!
//! Work that is split at every loop waits at the end of every loop. Pieces that go on side
//! by side wait only at the very end: whoever finds no piece left then takes parts of the
//! loops of those that still work.
//!
//! **Invariant.** Results come in the order of the pieces; nothing depends on the number of
//! threads but the time.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What `make` gives for the pieces 0 to `pieces`, on the threads of the current pool.
pub fn side_by_side<T: Send>(pieces: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut made: Vec<(usize, T)> = rayon::broadcast(|_| {
        let mut made = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return made;
            }
            made.push((piece, make(piece)));
        }
    })
    .into_iter()
    .flatten()
    .collect();
    made.sort_by_key(|(piece, _)| *piece);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use rayon::ThreadPoolBuilder;

    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let squares = pool.unwrap().install(|| side_by_side(4, |it| it * it));
            assert_eq!(squares, [0, 1, 4, 9]);
        }
        assert_eq!(side_by_side(0, |piece| piece), Vec::<usize>::new());
    }

    #[test]
    fn pieces_go_on_at_the_same_time() {
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        // Each waits for the other.
        let both = Barrier::new(2);
        let leaders = pool.install(|| side_by_side(2, |_| both.wait().is_leader()));
        assert_eq!(leaders.iter().filter(|is_leader| **is_leader).count(), 1);
    }
}
