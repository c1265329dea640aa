//! Rotary position embedding, as Hugging Face lays it out: column i of a head is turned
//! together with column i + dim/2. Su et al., arXiv 2104.09864.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Tensor, bail};

use super::rows::{Locked, RowWork, Rows, each_row, elements_mut};
use super::sequences::Heads;

/// Cosines and sines for every position.
#[derive(Clone, Debug)]
pub struct Rope {
    /// (positions, dim), f32: dim/2 cosines, then dim/2 sines.
    table: Tensor,
}

/// Which way heads are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As the model does.
    Forward,
    /// Back: the gradient of turning forward, which is a rotation.
    Backward,
}

impl Rope {
    /// The table for heads of `dim` numbers and positions below `positions`.
    pub fn new(dim: usize, theta: f64, positions: usize, device: &Device) -> Result<Self> {
        let half = dim / 2;
        let frequency = |i: usize| theta.powf(-2.0 * i as f64 / dim as f64) as f32;
        let frequencies: Vec<f32> = (0..half).map(frequency).collect();
        let mut table = Vec::with_capacity(positions * dim);
        for position in 0..positions {
            let angle = |frequency: &f32| f64::from(position as f32 * frequency);
            table.extend(frequencies.iter().map(|it| angle(it).cos() as f32));
            table.extend(frequencies.iter().map(|it| angle(it).sin() as f32));
        }
        let table = Tensor::from_vec(table, (positions, dim), device)?;
        Ok(Self { table })
    }

    /// The table: (positions, dim), f32.
    pub fn table(&self) -> &Tensor {
        &self.table
    }
}

/// Turns the query and key heads of `qkv` (rows, [`Heads::width`]) by each row's position
/// (u32, rows).
pub fn rope_in_place(
    qkv: &Tensor,
    positions: &Tensor,
    rope: &Rope,
    heads: Heads,
    direction: Direction,
) -> Result<()> {
    heads.check()?;
    qkv.inplace_op1(&Turn {
        positions,
        rope,
        heads,
        direction,
    })
}

struct Turn<'a> {
    positions: &'a Tensor,
    rope: &'a Rope,
    heads: Heads,
    direction: Direction,
}

impl InplaceOp1 for Turn<'_> {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (positions, table) = (Locked::new(self.positions), Locked::new(&self.rope.table));
        let (positions, table) = (positions.indices()?, table.rows()?);
        let Heads {
            query,
            key_value,
            dim,
        } = self.heads;
        let (_, width) = layout.shape().dims2()?;
        let most = positions.iter().max().map_or(0, |most| *most as usize + 1);
        if width != self.heads.width() || table.width != dim || most > table.len {
            bail!(
                "{width} columns at up to {most} positions don't fit heads of {dim} with a \
                 table of {}",
                table.len
            )
        }
        let sign = match self.direction {
            Direction::Forward => 1.0,
            Direction::Backward => -1.0,
        };
        let qkv = elements_mut(storage, layout)?;
        if qkv.len() != positions.len() * width {
            bail!("{} positions for {:?}", positions.len(), layout.shape())
        }
        let turning = Turning {
            positions,
            table,
            turned: (query + key_value) * dim,
            sign,
        };
        each_row(qkv, width, &turning);
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let table = &self.rope.table;
        let is_forward = self.direction == Direction::Forward;
        super::cuda::rope(
            (storage, layout),
            self.positions,
            table,
            self.heads,
            is_forward,
        )
    }
}

struct Turning<'a> {
    positions: &'a [u32],
    /// A row for each position.
    table: Rows<'a>,
    /// Columns of queries and keys.
    turned: usize,
    sign: f32,
}

impl RowWork for Turning<'_> {
    #[inline(always)]
    fn row(&self, number: usize, qkv: &mut [f32]) {
        let dim = self.table.width;
        let turn = self.table.row(self.positions[number] as usize);
        let (cosines, sines) = turn.split_at(dim / 2);
        for head in qkv[..self.turned].chunks_exact_mut(dim) {
            let (low, high) = head.split_at_mut(dim / 2);
            let turns = cosines.iter().zip(sines);
            for ((low, high), (cosine, sine)) in low.iter_mut().zip(high).zip(turns) {
                let (x, y, sine) = (*low, *high, sine * self.sign);
                *low = x * cosine - y * sine;
                *high = y * cosine + x * sine;
            }
        }
    }
}
