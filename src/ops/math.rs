//! Functions of one number, and sums, that compilers turn into vector instructions.
//!
//! The exponential is our own because the standard library's is called for one number at
//! a time, and its last bit depends on the system's C library.

use pulp::{Arch, NullaryFnOnce};

/// Runs loops over numbers in the widest vectors that this processor has. The result is the
/// same on all: nothing is rounded otherwise, and sums have a fixed number of lanes. A product
/// and a sum that are rounded together are written so (`mul_add`): one instruction where
/// there are wide vectors, and a slow function with the same bits elsewhere.
///
/// Only what is inlined into the code for those vectors uses them. So `work` is a type
/// whose `call` is `#[inline(always)]`, as is all that it calls: a closure can't be marked,
/// and one of more than a few lines is not inlined.
#[inline(always)]
pub(super) fn in_wide_vectors<W: NullaryFnOnce>(work: W) -> W::Output {
    Arch::new().dispatch(work)
}

/// Inputs beyond these give a finite result that is as good as 0 or infinity.
const LEAST: f32 = -87.3;
const MOST: f32 = 88.3;
/// Added to a small number, it leaves the number's nearest integer in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with few bits, so that its multiples are exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// e to the power of `x`, within 2 units in the last place. Polynomial: S. Moshier's
/// Cephes library, `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(LEAST, MOST);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let power = shifted - ROUNDER;
    let rest = power.mul_add(-LN2_LOW, power.mul_add(-LN2_HIGH, x));
    let mut sum = 1.987_569_1e-4_f32;
    for factor in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_66,
        0.5,
        1.0,
    ] {
        sum = sum.mul_add(rest, factor);
    }
    let fraction = sum.mul_add(rest, 1.0);
    let exponent = shifted.to_bits().wrapping_sub(ROUNDER.to_bits());
    fraction * f32::from_bits(exponent.wrapping_add(127) << 23)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

const LANES: usize = 16;

/// Adds to each of sixteen interleaved sums what `add` makes of it and the elements of two
/// slices, and adds these up.
#[inline(always)]
fn fold(a: &[f32], b: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] = add(sums[lane], a[lane], b[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    total(&sums) + rest.fold(0.0, |sum, (a, b)| add(sum, *a, *b))
}

/// The sum of sums, by halves. Not inlined: next to this tree compilers would add up in
/// vectors of four.
#[inline(never)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

/// The scalar product of two slices of one length.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |sum, a, b| a.mul_add(b, sum))
}

/// The scalar products of `a` and each of `rows`, as [`dot`] makes them.
#[inline(always)]
pub(super) fn dots<'a>(a: &[f32], rows: impl Iterator<Item = &'a [f32]>, out: &mut [f32]) {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let mut sums = [[0f32; LANES]; LANES];
    let mut rests = [0f32; LANES];
    let mut rows = rows;
    for out in out.chunks_mut(LANES) {
        for (place, row) in rows.by_ref().take(out.len()).enumerate() {
            let (blocks, rest) = row.as_chunks::<LANES>();
            let mut lanes = [0f32; LANES];
            for (a, b) in a_blocks.iter().zip(blocks) {
                for lane in 0..LANES {
                    lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
                }
            }
            sums[place] = lanes;
            let rest = a_rest.iter().zip(rest);
            rests[place] = rest.fold(0.0, |sum, (a, b)| a.mul_add(*b, sum));
        }
        halve::<8>(&mut sums);
        halve::<4>(&mut sums);
        halve::<2>(&mut sums);
        halve::<1>(&mut sums);
        for ((out, sums), rest) in out.iter_mut().zip(&sums).zip(&rests) {
            *out = sums[0] + rest;
        }
    }
}

/// Adds the second `WIDTH` lanes of each row to the first. The width is a constant, since
/// for one that changes compilers write lanes through a mask.
#[inline(always)]
fn halve<const WIDTH: usize>(sums: &mut [[f32; LANES]; LANES]) {
    for sums in sums {
        for lane in 0..WIDTH {
            sums[lane] += sums[lane + WIDTH];
        }
    }
}

/// The sum of a slice.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    fold(a, a, |sum, a, _| sum + a)
}

/// The greatest number of a slice; -infinity if it is empty.
#[inline(always)]
pub(super) fn max(a: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let blocks = a.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for lane in 0..LANES {
            most[lane] = if block[lane] > most[lane] {
                block[lane]
            } else {
                most[lane]
            };
        }
    }
    most.iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, b| a.max(*b))
}

/// Replaces scores by their softmax: e^(scale·x) over the sum of all; an empty slice stays.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32], scale: f32) {
    let most = max(scores);
    for score in scores.iter_mut() {
        *score = exp((*score - most) * scale);
    }
    let factor = 1.0 / sum(scores);
    for score in scores.iter_mut() {
        *score *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0f64;
        for step in -87_000..88_000 {
            let x = step as f32 / 1_000.0;
            let truth = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / truth - 1.0).abs());
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 2e-38 && exp(1e30).is_finite());
    }

    #[test]
    fn sums_hold_every_element() {
        for len in [0, 1, 15, 16, 17, 100] {
            let ones = vec![1.0; len];
            assert_eq!(sum(&ones), len as f32);
            assert_eq!(dot(&ones, &ones), len as f32);
        }
        assert_eq!(max(&[1.0; 20]), 1.0);
        for (dim, count) in [(32, 40), (20, 7), (5, 16)] {
            let number = |place: usize| (place * 37 % 101) as f32 / 7.0;
            let a: Vec<f32> = (0..dim).map(number).collect();
            let rows: Vec<f32> = (0..dim * count).map(number).collect();
            let mut all = vec![0.0; count];
            dots(&a, rows.chunks(dim), &mut all);
            let each: Vec<f32> = rows.chunks(dim).map(|row| dot(&a, row)).collect();
            assert_eq!(all, each);
        }
        let numbers: Vec<f32> = (0..40).map(|number| (number % 37) as f32).collect();
        assert_eq!(max(&numbers), 36.0);
    }
}
