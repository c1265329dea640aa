//! Numbers that other programs made, and how ours are held against them.

use std::collections::HashMap;
use std::fs;

use candle_core::{Device, Tensor};
use serde_json::Value as Json;

use crate::support::repository;

/// `goldens.safetensors` of the student.
pub fn goldens() -> HashMap<String, Tensor> {
    let path = repository("tests/data/student/goldens.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

/// `goldens.json` of the student.
pub fn scalars() -> Json {
    let path = repository("tests/data/student/goldens.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The elements of a tensor.
pub fn floats(tensors: &HashMap<String, Tensor>, name: &str) -> Vec<f32> {
    let tensor = tensors
        .get(name)
        .unwrap_or_else(|| panic!("no golden {name}"));
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A list of token ids.
pub fn ids(list: &Json) -> Vec<u32> {
    let numbers = list.as_array().unwrap().iter();
    numbers.map(|it| it.as_u64().unwrap() as u32).collect()
}

/// Fails unless all elements differ by at most `tolerance`.
pub fn close(name: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance,
            "{name}[{place}]: {a} instead of {b}"
        );
    }
}

/// Fails unless the difference's norm is at most `tolerance` of the goldens' norm.
pub fn close_in_norm(name: &str, ours: &[f32], theirs: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|it| it * it).sum::<f64>().sqrt();
    let pairs = || {
        ours.iter()
            .zip(theirs)
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
    };
    let (error, size) = (
        norm(&mut pairs().map(|(a, b)| a - b)),
        norm(&mut pairs().map(|(_, b)| b)),
    );
    assert!(size > 0.0, "{name} is nothing");
    assert!(
        error <= tolerance * size,
        "{name} is off by {:e} of its norm",
        error / size
    );
}
