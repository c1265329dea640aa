//! Several large pieces of work at a time, each on threads of its own.
//!
//! Work that is split at every loop waits at the end of every loop. Pieces that go on side
//! by side, each with its share of the threads, wait only at the very end.
//!
//! **Invariant.** Results come in the order of the pieces; nothing depends on the number of
//! threads but the time.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::ThreadPoolBuilder;

/// What `make` gives for the pieces 0 to `pieces`, on the threads of the current pool.
pub fn side_by_side<T: Send>(pieces: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = rayon::current_num_threads();
    let at_a_time = threads.min(pieces);
    let share = NonZero::new(threads / at_a_time.max(1)).map_or(1, NonZero::get);
    let pools = (0..at_a_time).map(|_| ThreadPoolBuilder::new().num_threads(share).build());
    let pools: Vec<_> = match pools.collect::<Result<_, _>>() {
        Ok(pools) if at_a_time > 1 => pools,
        // No more threads are to be had: one piece after the other.
        _ => return (0..pieces).map(make).collect(),
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
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<(usize, T)>>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
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
