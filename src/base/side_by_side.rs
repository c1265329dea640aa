//! Several large pieces of work at a time, each on threads of its own.
//!
//! Work that is split at every loop waits at the end of every loop. Pieces that go on side
//! by side, each with its share of the threads, wait only at the very end.
//!
//! **Invariant.** Results come in the order of the pieces; nothing depends on the number of
//! threads but the time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::ThreadPoolBuilder;

/// What `make` gives for the pieces 0 to `pieces`, on the threads of the current pool.
pub fn side_by_side<T: Send>(pieces: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = rayon::current_num_threads();
    let at_a_time = threads.min(pieces);
    let one_by_one = || (0..pieces).map(&make).collect();
    if at_a_time < 2 {
        return one_by_one();
    }
    let pool = || ThreadPoolBuilder::new().num_threads(threads / at_a_time);
    let pools = (0..at_a_time).map(|_| pool().build());
    let Ok(pools) = pools.collect::<Result<Vec<_>, _>>() else {
        // The system has no more threads for us.
        return one_by_one();
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return made;
            }
            made.push((piece, make(piece)));
        }
    };
    let mut made: Vec<(usize, T)> = thread::scope(|scope| {
        let workers = pools.iter().map(|pool| scope.spawn(|| pool.install(work)));
        let workers: Vec<_> = workers.collect();
        let made = workers.into_iter().map(|worker| match worker.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        made.flatten().collect()
    });
    made.sort_by_key(|(piece, _)| *piece);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let made = pool
                .unwrap()
                .install(|| side_by_side(4, |piece| (piece * piece, rayon::current_num_threads())));
            let (squares, shares): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            assert_eq!(squares, [0, 1, 4, 9]);
            assert!(shares.iter().all(|share| *share == 1), "{shares:?}");
        }
        assert_eq!(side_by_side(0, |piece| piece), Vec::<usize>::new());
    }
}
