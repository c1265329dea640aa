//! The keys and values of earlier tokens, kept for decoding: one slot for each sequence.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Result, Tensor, bail};

use super::rope::{Direction, Rope, rope_in_place};
use super::rows::{Locked, Rows, elements_mut};
use super::sequences::{Heads, Slots};

/// Turns the queries and keys of `qkv` (rows, [`Heads::width`]) by their positions, in
/// place, and writes keys and values to `keys` and `values` (slots, key heads, positions,
/// dim). On CUDA slots and positions that the caches don't have are not noticed.
pub fn cache_append(
    qkv: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    at: &Slots,
    rope: &Rope,
    heads: Heads,
) -> Result<()> {
    heads.check()?;
    match qkv.device() {
        Device::Cpu => {
            rope_in_place(qkv, &at.positions, rope, heads, Direction::Forward)?;
            let first_key = heads.query_width();
            cache_write(keys, qkv, first_key, at, heads)?;
            cache_write(values, qkv, first_key + heads.key_value_width(), at, heads)
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => super::cuda::cache_append(qkv, (keys, values), at, rope.table(), heads),
        _ => Err(super::no_device("cache_append")),
    }
}

/// Writes the columns of `qkv` from `first_column` on, one key or value of all heads for
/// each row, to `cache` (slots, key heads, positions, dim).
pub fn cache_write(
    cache: &Tensor,
    qkv: &Tensor,
    first_column: usize,
    to: &Slots,
    heads: Heads,
) -> Result<()> {
    heads.check()?;
    let columns = qkv.narrow(1, first_column, heads.key_value_width())?;
    cache.inplace_op2(&columns, &CacheWrite { to, heads })
}

/// Fails unless a cache of these dimensions has the places of `rows` rows; gives its
/// positions in a slot.
pub(super) fn check_places(
    cache: &[usize],
    slots: &[u32],
    positions: &[u32],
    rows: usize,
    heads: Heads,
) -> Result<usize> {
    let (slot_count, len) = heads.cache_shape(cache)?;
    let fits = (slots.len(), positions.len()) == (rows, rows)
        && slots.iter().all(|slot| (*slot as usize) < slot_count)
        && positions.iter().all(|position| (*position as usize) < len);
    if !fits {
        bail!("{rows} rows don't fit a cache of {slot_count} slots of {len}")
    }
    Ok(len)
}

struct CacheWrite<'a> {
    to: &'a Slots,
    heads: Heads,
}

impl InplaceOp2 for CacheWrite<'_> {
    fn name(&self) -> &'static str {
        "cache_write"
    }

    fn cpu_fwd(
        &self,
        cache: &mut CpuStorage,
        cache_layout: &Layout,
        columns: &CpuStorage,
        layout: &Layout,
    ) -> Result<()> {
        let (slots, positions) = (Locked::new(&self.to.slots), Locked::new(&self.to.positions));
        let (slots, positions) = (slots.indices()?, positions.indices()?);
        let columns = Rows::new(columns, layout)?;
        let Heads { key_value, dim, .. } = self.heads;
        let dims = cache_layout.dims();
        let len = check_places(dims, slots, positions, columns.len, self.heads)?;
        let cache = elements_mut(cache, cache_layout)?;
        for (row, (slot, position)) in slots.iter().zip(positions).enumerate() {
            for (head, numbers) in columns.row(row).chunks_exact(dim).enumerate() {
                let place = (*slot as usize * key_value + head) * len + *position as usize;
                cache[place * dim..][..dim].copy_from_slice(numbers);
            }
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        cache: &mut CudaStorage,
        cache_layout: &Layout,
        columns: &CudaStorage,
        layout: &Layout,
    ) -> Result<()> {
        super::cuda::cache_write(
            (cache, cache_layout),
            (columns, layout),
            self.to,
            self.heads,
        )
    }
}
