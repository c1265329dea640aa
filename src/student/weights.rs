//! Tensors in safetensors files, read where they lie.
//!
//! **Invariants.**
//! - Opening a file reads its header only; a tensor's bytes are touched when it is read.
//! - No length of a hostile file is believed: the header is bounded before it is parsed,
//!   and the tensors must tile the rest of the file without holes or overlaps.
//! - What is read is finite, or the tensor and the place in it are named.

mod file;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;

use super::contents::Contents;
use super::error::{StudentError, tensor as wrong};

pub use file::{shards, write_f32};

/// What one thread converts at a time.
const CHUNK_ELEMENTS: usize = 1 << 15;

/// A file's path, for messages, and its bytes.
pub type Named = (PathBuf, Arc<Contents>);

/// The tensors of a model or an adapter.
#[derive(Debug)]
pub struct Weights {
    place: PathBuf,
    files: Vec<Named>,
    tensors: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// A tensor in its file: row-major, little-endian, at any alignment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The file.
    pub path: &'a Path,
    /// The tensor's name.
    pub name: &'a str,
    /// F32, F16 or BF16.
    pub dtype: Dtype,
    /// Its extents.
    pub shape: &'a [usize],
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A number that tensors are read as: `f32` or `bf16`.
pub trait Element: Copy + Send + Sync + private::Sealed {
    /// From the bits of a float.
    fn from_f32(value: f32) -> Self;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

mod private {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::bf16 {}
}

impl Element for f32 {
    fn from_f32(value: f32) -> Self {
        value
    }

    fn is_finite(self) -> bool {
        self.to_bits() & 0x7f80_0000 != 0x7f80_0000
    }
}

impl Element for bf16 {
    fn from_f32(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn is_finite(self) -> bool {
        self.to_bits() & 0x7f80 != 0x7f80
    }
}

impl Weights {
    /// Opens the files of one model; `place` names them all in messages.
    ///
    /// # Errors
    /// [`StudentError::Safetensors`] if a file is none or is not whole, and
    /// [`StudentError::Tensor`] if two files have a tensor of the same name.
    pub fn open(place: &Path, files: Vec<Named>) -> Result<Self, StudentError> {
        let mut tensors = BTreeMap::new();
        for (number, (path, bytes)) in files.iter().enumerate() {
            for (name, dtype, shape, range) in file::tensors_of(path, bytes)? {
                let entry = Entry {
                    file: number,
                    dtype,
                    shape,
                    range,
                };
                if let Some(other) = tensors.insert(name.clone(), entry) {
                    let what = format!("is in {} as well", files[other.file].0.display());
                    return Err(wrong(path, &name, what));
                }
            }
        }
        Ok(Self {
            place: place.to_owned(),
            files,
            tensors,
        })
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The tensor of this name, which must have this shape and hold floats.
    ///
    /// # Errors
    /// [`StudentError::MissingTensor`], or [`StudentError::Tensor`] that says what is
    /// wanted and what is there.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<View<'_>, StudentError> {
        let found = self.tensors.get_key_value(name);
        let (name, entry) = found.ok_or_else(|| StudentError::MissingTensor {
            path: self.place.clone(),
            name: name.to_owned(),
        })?;
        let (path, bytes) = &self.files[entry.file];
        if entry.shape != shape {
            let what = format!("has the shape {:?}, and must have {shape:?}", entry.shape);
            return Err(wrong(path, name, what));
        }
        if !matches!(entry.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            let what = format!("is {:?}; antiks reads F32, F16 and BF16", entry.dtype);
            return Err(wrong(path, name, what));
        }
        Ok(View {
            path,
            name,
            dtype: entry.dtype,
            shape: &entry.shape,
            bytes: &bytes[entry.range.clone()],
        })
    }

    /// Reads a tensor into `out`, which has its length.
    ///
    /// # Errors
    /// Those of [`Weights::read_rows`].
    pub fn read_f32(
        &self,
        name: &str,
        shape: &[usize],
        out: &mut [f32],
    ) -> Result<(), StudentError> {
        let view = self.tensor(name, shape)?;
        let len = view.len();
        if out.len() != len {
            let what = format!("has {len} elements, and the buffer for it {}", out.len());
            return Err(wrong(view.path, view.name, what));
        }
        let parts = out.par_chunks_mut(CHUNK_ELEMENTS);
        let bytes = view.bytes.par_chunks(CHUNK_ELEMENTS * view.element_bytes());
        parts
            .zip(bytes)
            .enumerate()
            .try_for_each(|(part, (out, bytes))| {
                convert(view.dtype, bytes, out)
                    .map_err(|place| view.not_finite(part * CHUNK_ELEMENTS + place))
            })
    }

    /// Reads a matrix row by row into a wider one, rounding to nearest even if `T` is shorter
    /// than what is there: row `i` goes to `out[i * stride..]`, and what lies between the rows is left as it is. The last row need not be padded.
    ///
    /// # Errors
    /// Those of [`Weights::tensor`], and [`StudentError::Tensor`] if a value is infinite
    /// or NaN (also if it is too large for `T`), or `out` is too small.
    pub fn read_rows<T: Element>(
        &self,
        name: &str,
        shape: [usize; 2],
        out: &mut [T],
        stride: usize,
    ) -> Result<(), StudentError> {
        let view = self.tensor(name, &shape)?;
        let [rows, columns] = shape;
        if rows == 0 || columns == 0 {
            return Ok(());
        }
        let needed = (rows - 1).saturating_mul(stride).saturating_add(columns);
        if stride < columns || out.len() < needed {
            let what = format!(
                "is {rows} rows of {columns}, and does not fit a buffer of {} with a row every {stride}",
                out.len()
            );
            return Err(wrong(view.path, view.name, what));
        }
        let at_least = (CHUNK_ELEMENTS / columns).max(1);
        out.par_chunks_mut(stride)
            .zip(view.bytes.par_chunks(columns * view.element_bytes()))
            .with_min_len(at_least)
            .enumerate()
            .try_for_each(|(row, (out, bytes))| {
                convert(view.dtype, bytes, &mut out[..columns])
                    .map_err(|place| view.not_finite(row * columns + place))
            })
    }
}

impl View<'_> {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element_bytes()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn element_bytes(&self) -> usize {
        match self.dtype {
            Dtype::F32 => 4,
            _ => 2,
        }
    }

    fn not_finite(&self, index: usize) -> StudentError {
        let mut rest = index;
        let mut place: Vec<usize> = Vec::with_capacity(self.shape.len());
        for extent in self.shape.iter().rev() {
            place.push(rest % (*extent).max(1));
            rest /= (*extent).max(1);
        }
        place.reverse();
        let what = format!("is infinite or not a number at {place:?}; these weights are broken");
        wrong(self.path, self.name, what)
    }
}

/// Converts little-endian bytes; `Err` has the place of the first value that is not finite.
fn convert<T: Element>(dtype: Dtype, bytes: &[u8], out: &mut [T]) -> Result<(), usize> {
    match dtype {
        Dtype::F32 => convert_each(bytes, out, |bytes| T::from_f32(f32::from_le_bytes(bytes))),
        Dtype::F16 => convert_each(bytes, out, |bytes| {
            T::from_f32(f16::from_le_bytes(bytes).to_f32())
        }),
        _ => convert_each(bytes, out, |bytes| {
            T::from_f32(bf16::from_le_bytes(bytes).to_f32())
        }),
    }
}

fn convert_each<const N: usize, T: Element>(
    bytes: &[u8],
    out: &mut [T],
    one: impl Fn([u8; N]) -> T,
) -> Result<(), usize> {
    let (values, _) = bytes.as_chunks::<N>();
    // No way out of the loop, so that the compiler makes vectors of it.
    let mut finite = true;
    for (out, value) in out.iter_mut().zip(values) {
        *out = one(*value);
        finite &= out.is_finite();
    }
    match finite {
        true => Ok(()),
        false => Err(out.iter().position(|value| !value.is_finite()).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn open(bytes: Vec<u8>) -> Result<Weights, StudentError> {
        let path = PathBuf::from("model.safetensors");
        let files = vec![(path, Arc::new(Contents::Owned(bytes)))];
        Weights::open(Path::new("base"), files)
    }

    /// A file with one tensor `w`.
    fn one(dtype: &str, shape: &[usize], data: &[u8]) -> Result<Weights, StudentError> {
        let len = data.len();
        let header =
            format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[0,{len}]}}}}"#);
        open(file(&header, data))
    }

    fn f32_bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn every_type_is_read_as_either() {
        let values = [1.5_f32, -2.0, 0.0, 0.25, 3.0, -0.5];
        let halves: Vec<u8> = values
            .iter()
            .flat_map(|value| f16::from_f32(*value).to_le_bytes())
            .collect();
        let brains: Vec<u8> = values
            .iter()
            .flat_map(|value| bf16::from_f32(*value).to_le_bytes())
            .collect();
        for (dtype, data) in [
            ("F32", f32_bytes(&values)),
            ("F16", halves),
            ("BF16", brains),
        ] {
            let weights = one(dtype, &[2, 3], &data).unwrap();
            let mut out = [0.0; 6];
            weights.read_f32("w", &[2, 3], &mut out).unwrap();
            assert_eq!(out, values, "{dtype}");
            let mut out = [bf16::ZERO; 6];
            weights.read_rows("w", [2, 3], &mut out, 3).unwrap();
            assert_eq!(out.map(bf16::to_f32), values, "{dtype}");
            let mut out = [9.0_f32; 9];
            weights.read_rows("w", [2, 3], &mut out, 5).unwrap();
            assert_eq!(out, [1.5, -2.0, 0.0, 9.0, 9.0, 0.25, 3.0, -0.5, 9.0]);
        }
    }

    #[test]
    fn a_large_tensor_is_read_whole() {
        let values: Vec<f32> = (0..300 * 1000).map(|n| n as f32).collect();
        let weights = one("F32", &[300, 1000], &f32_bytes(&values)).unwrap();
        let mut out = vec![0.0; values.len()];
        weights.read_f32("w", &[300, 1000], &mut out).unwrap();
        assert_eq!(out, values);
        let mut wide = vec![0.0; 300 * 1008];
        weights
            .read_rows("w", [300, 1000], &mut wide, 1008)
            .unwrap();
        assert_eq!(wide[299 * 1008 + 999], values[299_999]);
        assert_eq!(wide[1000..1008], [0.0; 8]);
    }

    #[test]
    fn what_is_not_finite_is_named() {
        for (bad, index) in [
            (f32::NAN, 70_001),
            (f32::INFINITY, 0),
            (f32::NEG_INFINITY, 99_999),
        ] {
            let mut values = vec![1.0_f32; 100_000];
            values[index] = bad;
            let weights = one("F32", &[100, 1000], &f32_bytes(&values)).unwrap();
            let place = format!("[{}, {}]", index / 1000, index % 1000);
            let mut out = vec![0.0; 100_000];
            let error = weights
                .read_f32("w", &[100, 1000], &mut out)
                .unwrap_err()
                .to_string();
            assert!(error.contains(&place) && error.contains(" w "), "{error}");
            let mut out = vec![bf16::ZERO; 100 * 1001];
            let error = weights
                .read_rows("w", [100, 1000], &mut out, 1001)
                .unwrap_err()
                .to_string();
            assert!(error.contains(&place), "{error}");
        }
        // Finite, but not as bf16.
        let weights = one("F32", &[1, 1], &f32_bytes(&[f32::MAX])).unwrap();
        assert!(weights.read_f32("w", &[1, 1], &mut [0.0]).is_ok());
        let rounded = weights.read_rows("w", [1, 1], &mut [bf16::ZERO], 1);
        assert!(rounded.is_err());
    }

    #[test]
    fn a_wrong_tensor_is_named() {
        let weights = one("F32", &[2, 3], &[0; 24]).unwrap();
        for (error, wanted) in [
            (weights.tensor("v", &[2, 3]).unwrap_err(), "no tensor v"),
            (
                weights.tensor("w", &[3, 2]).unwrap_err(),
                "[2, 3], and must have [3, 2]",
            ),
            (
                weights.read_f32("w", &[2, 3], &mut [0.0; 5]).unwrap_err(),
                "6 elements",
            ),
            (
                weights
                    .read_rows("w", [2, 3], &mut [0.0_f32; 6], 2)
                    .unwrap_err(),
                "does not fit",
            ),
            (
                weights
                    .read_rows("w", [2, 3], &mut [0.0_f32; 6], 4)
                    .unwrap_err(),
                "does not fit",
            ),
        ] {
            assert!(error.to_string().contains(wanted), "{error}");
        }
        let integers = one("I32", &[6], &[0; 24]).unwrap();
        let error = integers.tensor("w", &[6]).unwrap_err().to_string();
        assert!(error.contains("I32"), "{error}");
    }

    #[test]
    fn two_files_with_one_tensor_are_refused() {
        let tensors = BTreeMap::from([("w".to_owned(), ([1, 1], &[1.0][..]))]);
        let bytes = write_f32(Path::new("x"), &tensors).unwrap();
        let file = |name: &str| {
            (
                PathBuf::from(name),
                Arc::new(Contents::Owned(bytes.clone())),
            )
        };
        let error = Weights::open(Path::new("base"), vec![file("one"), file("two")]).unwrap_err();
        assert!(error.to_string().contains("is in one as well"), "{error}");
    }
}
