//! Dropout: some numbers become zero, the others grow, so that the mean stays. Srivastava
//! et al., JMLR 15 (2014).

use candle_core::{Device, Result, Tensor, bail};

use super::rows::{Locked, RowWork, Rows, new_rows};

/// The step of SplitMix64's counter.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Each number of `x` (rows, dim; rows may lie apart) is kept with a probability of
/// 1 − `rate` and multiplied by 1 / (1 − `rate`), or becomes zero.
///
/// What is kept depends on the seed and on the number's place, `row·dim + column`, and on
/// nothing else; so the same call, with the gradient of the result for `x`, gives the
/// gradient of `x`.
pub fn dropout(x: &Tensor, rate: f32, seed: u64) -> Result<Tensor> {
    let choice = Choice::new(rate, seed)?;
    match x.device() {
        Device::Cpu => {
            let x = Locked::new(x);
            let x = x.rows()?;
            new_rows(x.len, x.width, &Dropping { x, choice })
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::dropout(x, choice.key, choice.kept, choice.scale),
        _ => Err(super::no_device("dropout")),
    }
}

struct Dropping<'a> {
    x: Rows<'a>,
    choice: Choice,
}

impl RowWork for Dropping<'_> {
    #[inline(always)]
    fn row(&self, number: usize, y: &mut [f32]) {
        let first = number as u64 * self.x.width as u64;
        for ((place, x), y) in (first..).zip(self.x.row(number)).zip(y) {
            *y = if self.choice.keeps(place) {
                x * self.choice.scale
            } else {
                0.0
            };
        }
    }
}

/// Which numbers are kept: those whose 32 random bits are below `kept`.
#[derive(Clone, Copy)]
struct Choice {
    key: u64,
    kept: u64,
    scale: f32,
}

impl Choice {
    fn new(rate: f32, seed: u64) -> Result<Self> {
        if !(0.0..1.0).contains(&rate) {
            bail!("a dropout rate of {rate}; it must be from 0 to below 1")
        }
        let keep = 1.0 - f64::from(rate);
        Ok(Self {
            // Seeds that differ by a multiple of STEP would otherwise have shifted choices.
            key: mix(seed),
            kept: (keep * (1u64 << 32) as f64) as u64,
            scale: (1.0 / keep) as f32,
        })
    }

    /// As `kernels/dropout.cu` decides it.
    #[inline(always)]
    fn keeps(self, place: u64) -> bool {
        let counter = place.wrapping_add(1).wrapping_mul(STEP);
        mix(self.key.wrapping_add(counter)) >> 32 < self.kept
    }
}

/// SplitMix64's finaliser. Steele, Lea and Flood, OOPSLA 2014.
#[inline(always)]
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // The first numbers of SplitMix64 for the seed 1234567, as its authors give them.
        let numbers: Vec<u64> = (1..=3)
            .map(|turn| mix(1_234_567u64.wrapping_add(STEP.wrapping_mul(turn))))
            .collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn rates_outside_of_zero_to_one_are_refused() {
        let x = Tensor::new(&[[1f32, 2.0]], &Device::Cpu).unwrap();
        for rate in [-0.1, 1.0, f32::NAN] {
            assert!(dropout(&x, rate, 1).is_err());
        }
        let same: Vec<Vec<f32>> = dropout(&x, 0.0, 1).unwrap().to_vec2().unwrap();
        assert_eq!(same, [[1.0, 2.0]]);
    }
}
