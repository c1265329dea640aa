//! Every operation on a GPU, in bf16, against the same operation on the CPU in f32; and
//! twice, for the same bits. They need a GPU; the tests of `ops` itself need none.

use candle_core::{DType, Device, Result, Tensor};

use super::{card, device, memory};
use crate::base::seed::Random;
use crate::ops::*;

/// bf16 has 8 bits: rounding a result costs 2⁻⁹ of it, or 2e-3 of the root mean square.
const TOLERANCE: f64 = 4e-3;
/// Where sums run over numbers that were rounded on the way.
const LOOSE: f64 = 8e-3;

fn gpu() -> Device {
    device(0).unwrap()
}

/// Numbers around zero that bf16 holds exactly.
fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random::new(seed, &["cuda"]);
    let mut number = || {
        let sum: i64 = (0..4).map(|_| random.between(-1_000, 1_000)).sum();
        half::bf16::from_f32(sum as f32 / 1_200.0).to_f32()
    };
    (0..len).map(|_| number()).collect()
}

/// A matrix in f32 on the CPU.
fn matrix(seed: u64, rows: usize, columns: usize) -> Tensor {
    Tensor::from_vec(numbers(seed, rows * columns), (rows, columns), &Device::Cpu).unwrap()
}

/// The same in bf16 on the GPU.
fn up(tensor: &Tensor) -> Tensor {
    tensor
        .to_dtype(DType::BF16)
        .unwrap()
        .to_device(&gpu())
        .unwrap()
}

/// A view of the same, in a matrix that is wider by `more` columns on each side.
fn up_wide(tensor: &Tensor, more: usize) -> Tensor {
    let (rows, columns) = tensor.dims2().unwrap();
    let side = matrix(99, rows, more);
    let wide = Tensor::cat(&[&side, tensor, &side], 1).unwrap();
    up(&wide).narrow(1, more, columns).unwrap()
}

fn index(numbers: &[u32], device: &Device) -> Tensor {
    Tensor::new(numbers, device).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor
        .to_device(&Device::Cpu)
        .unwrap()
        .to_dtype(DType::F32)
        .unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn left(tensor: &Tensor, columns: usize) -> Tensor {
    let tensor = tensor.to_device(&Device::Cpu).unwrap();
    tensor.narrow(1, 0, columns).unwrap().contiguous().unwrap()
}

/// The distance of both in units of the root mean square is within `tolerance`; none is
/// off by more than eight times as much of the greatest.
fn assert_close(what: &str, got: &Tensor, expected: &Tensor, tolerance: f64) {
    let (got, expected) = (flat(got), flat(expected));
    assert_eq!(got.len(), expected.len(), "{what}");
    let (mut distance, mut size, mut worst, mut most) = (0f64, 0f64, 0f64, 0f64);
    for (got, expected) in got.iter().zip(&expected) {
        let (got, expected) = (f64::from(*got), f64::from(*expected));
        distance += (got - expected).powi(2);
        size += expected.powi(2);
        worst = worst.max((got - expected).abs());
        most = most.max(expected.abs());
        assert!(got.is_finite(), "{what}: {got}");
    }
    let relative = (distance / size.max(1e-30)).sqrt();
    assert!(relative < tolerance, "{what}: {relative:e}");
    assert!(worst < 8.0 * tolerance * most, "{what}: {worst} of {most}");
}

/// The result of `f`, which has the same bits the second time.
fn twice(what: &str, f: impl Fn() -> Result<Tensor>) -> Tensor {
    let bits = |tensor: &Tensor| {
        flat(tensor)
            .into_iter()
            .map(f32::to_bits)
            .collect::<Vec<_>>()
    };
    let (first, second) = (f().unwrap(), f().unwrap());
    assert_eq!(bits(&first), bits(&second), "{what} twice");
    first
}

fn assert_zeros(what: &str, tensor: &Tensor, from_column: usize) {
    let tensor = tensor.to_device(&Device::Cpu).unwrap();
    let spare = tensor.dim(1).unwrap() - from_column;
    if spare == 0 {
        return;
    }
    let spare = tensor
        .narrow(1, from_column, spare)
        .unwrap()
        .contiguous()
        .unwrap();
    assert!(
        flat(&spare).iter().all(|it| *it == 0.0),
        "{what}: spare columns are zero"
    );
}

#[test]
fn a_gpu_is_prepared_once_and_says_what_it_has() {
    let gpu = gpu();
    assert!(gpu.same_device(&device(0).unwrap()));
    let card = card(&gpu).unwrap();
    assert!(!card.name.is_empty() && card.capability >= (8, 0) && card.processors > 1);
    let held = up(&matrix(1, 1_000, 1_000));
    let used = memory(&gpu).unwrap();
    assert!(
        used.peak_bytes >= 2_000_000 && used.used_bytes >= 2_000_000,
        "{used:?}"
    );
    assert!(used.free_bytes < used.total_bytes);
    assert_eq!(held.dims(), [1_000, 1_000]);
    let unprepared = Device::new_cuda(0).unwrap();
    let x = held
        .to_device(&Device::Cpu)
        .unwrap()
        .to_device(&unprepared)
        .unwrap();
    assert!(
        dropout(&x, 0.5, 1).is_err(),
        "only prepared devices are used"
    );
    assert!(device(4_711).is_err());
}

#[test]
fn norms() {
    for (rows, dim, spare) in [
        (33, 4096, 32),
        (7, 576, 0),
        (5, 100, 3),
        (3, 8192, 8),
        (2, 10_000, 8),
    ] {
        let what = format!("rms_norm {rows} x {dim} + {spare}");
        let (x, w, dy) = (
            matrix(1, rows, dim),
            matrix(2, 1, dim),
            matrix(3, rows, dim),
        );
        let w = w.squeeze(0).unwrap();
        let residual = matrix(4, rows, dim);
        let (gx, gw, gdy) = (up(&x), up(&w), up_wide(&dy, 8));
        let y = twice(&what, || rms_norm(&gx, &gw, 1e-5, spare));
        assert_zeros(&what, &y, dim);
        assert_close(
            &what,
            &left(&y, dim),
            &rms_norm(&x, &w, 1e-5, 0).unwrap(),
            TOLERANCE,
        );
        let dx = twice(&what, || rms_norm_backward(&gx, &gw, &gdy, 1e-5, None));
        let expected = rms_norm_backward(&x, &w, &dy, 1e-5, None).unwrap();
        assert_close(&what, &dx, &expected, TOLERANCE);
        let other = up_wide(&residual, 3);
        let dx = rms_norm_backward(&gx, &gw, &gdy, 1e-5, Some(&other)).unwrap();
        let expected = rms_norm_backward(&x, &w, &dy, 1e-5, Some(&residual)).unwrap();
        assert_close(&what, &dx, &expected, TOLERANCE);
        let dw = twice(&what, || rms_norm_weight_gradient(&gx, &gdy, 1e-5));
        assert_close(
            &what,
            &dw,
            &rms_norm_weight_gradient(&x, &dy, 1e-5).unwrap(),
            1e-5,
        );
    }
}

#[test]
fn swiglus() {
    for (rows, inner, spare) in [(19, 14_336, 32), (70_000, 8, 8), (5, 100, 3), (3, 1_536, 0)] {
        let what = format!("swiglu {rows} x {inner} + {spare}");
        let (x, dy) = (matrix(1, rows, 2 * inner), matrix(2, rows, inner));
        let (gx, gdy) = (up(&x), up_wide(&dy, 8));
        let y = twice(&what, || swiglu(&gx, spare));
        assert_zeros(&what, &y, inner);
        assert_close(&what, &left(&y, inner), &swiglu(&x, 0).unwrap(), TOLERANCE);
        let dx = twice(&what, || swiglu_backward(&gx, &gdy));
        assert_close(&what, &dx, &swiglu_backward(&x, &dy).unwrap(), TOLERANCE);
    }
    let empty = up(&matrix(1, 3, 8)).narrow(1, 0, 0).unwrap();
    assert_zeros("swiglu of nothing", &swiglu(&empty, 5).unwrap(), 0);
}

fn heads(query: usize, key_value: usize, dim: usize) -> Heads {
    Heads {
        query,
        key_value,
        dim,
    }
}

#[test]
fn rotations() {
    for heads in [
        heads(4, 2, 32),
        heads(6, 6, 64),
        heads(8, 2, 128),
        heads(4, 1, 16),
    ] {
        let x = matrix(1, 50, heads.width());
        let positions: Vec<u32> = (0..50).map(|row| row * 37 % 400).collect();
        let run = |x: &Tensor, direction| {
            let rope = Rope::new(heads.dim, 1e4, 400, x.device()).unwrap();
            let positions = index(&positions, x.device());
            rope_in_place(x, &positions, &rope, heads, direction).unwrap();
        };
        for direction in [Direction::Forward, Direction::Backward] {
            let turned = x.copy().unwrap();
            run(&turned, direction);
            let got = twice("rope", || {
                let got = up(&x);
                run(&got, direction);
                Ok(got)
            });
            assert_close(&format!("rope {heads:?}"), &got, &turned, TOLERANCE);
        }
    }
}

#[test]
fn attentions() {
    let many = [vec![3; 40], vec![200]].concat();
    for lens in [vec![1, 17, 64, 129, 300], vec![512, 512], many] {
        for heads in [
            heads(4, 2, 32),
            heads(6, 2, 64),
            heads(8, 2, 128),
            heads(3, 3, 128),
        ] {
            for (window, spare) in [(None, 16), (Some(50), 0), (Some(64), 3)] {
                let what = format!("attention {lens:?} {heads:?} {window:?}");
                let there = Sequences::new(&lens, &gpu()).unwrap();
                let here = Sequences::new(&lens, &Device::Cpu).unwrap();
                let (rows, width) = (here.rows(), heads.query_width());
                let (qkv, dout) = (matrix(1, rows, heads.width()), matrix(2, rows, width));
                // As beside the columns of an adapter of any rank, rows begin anywhere.
                let (gqkv, gdout) = (up(&qkv), up_wide(&dout, if spare == 3 { 3 } else { 8 }));
                let expected = attention(&qkv, &here, None, heads, window, 0).unwrap();
                let out = twice(&what, || {
                    attention(&gqkv, &there, None, heads, window, spare)
                });
                assert_zeros(&what, &out, width);
                assert_close(&what, &left(&out, width), &expected, TOLERANCE);
                let got = twice(&what, || {
                    attention_backward(&gqkv, &out, &gdout, &there, None, heads, window)
                });
                let expected =
                    attention_backward(&qkv, &expected, &dout, &here, None, heads, window).unwrap();
                assert_close(&what, &got, &expected, LOOSE);
            }
        }
    }
    let one = Sequences::new(&[4], &gpu()).unwrap();
    let odd = heads(2, 1, 24);
    let refused = attention(&up(&matrix(1, 4, odd.width())), &one, None, odd, None, 0);
    assert!(refused.is_err_and(|error| error.to_string().contains("24")));
}

#[test]
fn caches() {
    for (rows, heads, len) in [
        (1, heads(4, 2, 32), 40),
        (5, heads(9, 3, 64), 300),
        (3, heads(32, 8, 128), 544),
        (4, heads(8, 8, 128), 700),
        (2, heads(28, 4, 128), 300),
    ] {
        let shape = (rows + 2, heads.key_value, len, heads.dim);
        let filled = |seed| matrix(seed, shape.0 * shape.1 * len, heads.dim).reshape(shape);
        let (keys, values) = (filled(1).unwrap(), filled(2).unwrap());
        let qkv = matrix(3, rows, heads.width());
        let mut random = Random::new(5, &["cuda", "caches"]);
        let slots: Vec<u32> = (0..rows as u32)
            .map(|row| (row + 1) % (rows as u32 + 2))
            .collect();
        let positions: Vec<u32> = (0..rows).map(|_| random.below(len) as u32).collect();
        let at = |device: &Device| Slots {
            slots: index(&slots, device),
            positions: index(&positions, device),
        };
        let rope = |device: &Device| Rope::new(heads.dim, 1e4, len, device).unwrap();
        let (here, there) = (at(&Device::Cpu), at(&gpu()));
        let (gkeys, gvalues, gqkv) = (up(&keys), up(&values), up(&qkv));

        // One launch does what rope and two writes do, bit for bit.
        let (gkeys2, gvalues2, gqkv2) = (up(&keys), up(&values), up(&qkv));
        let turns = rope(&gpu());
        rope_in_place(&gqkv2, &there.positions, &turns, heads, Direction::Forward).unwrap();
        let (key, value) = (
            heads.query_width(),
            heads.query_width() + heads.key_value_width(),
        );
        cache_write(&gkeys2, &gqkv2, key, &there, heads).unwrap();
        cache_write(&gvalues2, &gqkv2, value, &there, heads).unwrap();
        cache_append(&gqkv, &gkeys, &gvalues, &there, &turns, heads).unwrap();
        cache_append(&qkv, &keys, &values, &here, &rope(&Device::Cpu), heads).unwrap();
        assert_close("turned", &gqkv, &qkv, TOLERANCE);
        assert_close("keys", &gkeys, &keys, TOLERANCE);
        assert_close("turned in one", &gqkv, &gqkv2, 1e-5);
        assert_close("keys in one", &gkeys, &gkeys2, 1e-5);
        assert_eq!(flat(&gvalues), flat(&values));
        assert_eq!(flat(&gvalues), flat(&gvalues2));

        for (window, spare) in [(None, 16), (Some(50), 0), (Some(0), 8), (Some(200), 3)] {
            let what = format!("cached_attention {rows} {heads:?} {len} {window:?}");
            let got = twice(&what, || {
                cached_attention(&gqkv, &gkeys, &gvalues, &there, heads, window, spare)
            });
            let expected = cached_attention(&qkv, &keys, &values, &here, heads, window, 0).unwrap();
            let width = heads.query_width();
            assert_zeros(&what, &got, width);
            assert_close(&what, &left(&got, width), &expected, LOOSE);
        }
    }
}

#[test]
fn cross_entropies() {
    for vocabulary in [32_000, 1_000, 777] {
        let what = format!("cross_entropy {vocabulary}");
        // The first columns of a row are seen by a thread that has no others yet.
        let masked = Tensor::full(f32::NEG_INFINITY, (37, 16), &Device::Cpu).unwrap();
        let logits = Tensor::cat(&[&masked, &matrix(1, 37, vocabulary - 16)], 1).unwrap();
        let targets: Vec<u32> = (0..37).map(|row| 16 + row * 20).collect();
        let there = index(&targets, &gpu());
        let gradient = logits.copy().unwrap();
        let here = index(&targets, &Device::Cpu);
        let expected = cross_entropy_in_place(&gradient, &here, 0.125).unwrap();
        let got = twice(&what, || {
            cross_entropy_in_place(&up(&logits), &there, 0.125)
        });
        assert_close(&what, &got, &expected, 1e-5);
        let got = twice(&what, || {
            let logits = up(&logits);
            cross_entropy_in_place(&logits, &there, 0.125).map(|_| logits)
        });
        assert_close(&what, &got, &gradient, TOLERANCE);
    }
}

#[test]
fn optimiser_steps() {
    let step = AdamW {
        rate: 1e-2,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        weight_decay: 0.1,
        step: 3,
        gradient_scale: 0.5,
    };
    const LEN: usize = 100_003;
    let vector = |seed, device: &Device| Tensor::from_vec(numbers(seed, LEN), LEN, device).unwrap();
    let run = |device: &Device| {
        let [parameters, gradients, first] = [1, 2, 3].map(|seed| vector(seed, device));
        let squares: Vec<f32> = numbers(4, LEN).iter().map(|it| it * it).collect();
        let second = Tensor::from_vec(squares, LEN, device).unwrap();
        adamw_in_place(&parameters, &gradients, &first, &second, &step).unwrap();
        [parameters, first, second]
    };
    for (got, expected) in run(&gpu()).iter().zip(run(&Device::Cpu)) {
        assert_close("adamw", got, &expected, 1e-6);
    }
    let here = sum_squares(&vector(2, &Device::Cpu)).unwrap();
    let there = vector(2, &gpu());
    let first = sum_squares(&there).unwrap();
    assert!((first / here - 1.0).abs() < 1e-6, "{first} {here}");
    assert_eq!(first.to_bits(), sum_squares(&there).unwrap().to_bits());
    let tail = there.narrow(0, 1, LEN - 1).unwrap();
    assert!(
        sum_squares(&tail).is_err(),
        "vectors begin at multiples of 16 bytes"
    );
}

#[test]
fn products_beside_their_input() {
    for (rows, inputs, rank) in [(1, 4096, 32), (3, 1024, 96), (32, 512, 64), (200, 256, 32)] {
        let (own, a) = (matrix(1, rows, inputs), matrix(2, rank, inputs));
        let expected = own.pad_with_zeros(1, 0, rank).unwrap();
        append_product(&expected, inputs, &a, 0.25).unwrap();
        let (own, a) = (up(&own), up(&a));
        let got = twice(&format!("append_product {rows}×{inputs}"), || {
            let x = own.pad_with_zeros(1, 0, rank)?;
            append_product(&x, inputs, &a, 0.25)?;
            Ok(x)
        });
        assert_close("append_product", &got, &expected, TOLERANCE);
    }
}

#[test]
fn products() {
    // One to four rows take our own kernel.
    for (m, k, n) in [
        (1, 4096, 512),
        (2, 264, 33),
        (3, 1_024, 100),
        (4, 4096, 64),
        (5, 264, 33),
        (257, 100, 130),
    ] {
        let what = format!("product {m} x {k} x {n}");
        let (a, w) = (matrix(1, m, k), matrix(2, n, k));
        let b = w.t().unwrap();
        let expected = matmul(&a, &b).unwrap();
        let (ga, gw) = (up_wide(&a, 8), up_wide(&w, 16));
        let gb = up(&b.contiguous().unwrap());
        let turned = up(&a.t().unwrap().contiguous().unwrap());
        let nt = twice(&what, || matmul(&ga, &gw.t()?));
        assert_close(&what, &nt, &expected, TOLERANCE);
        let nn = twice(&what, || matmul(&ga, &gb));
        assert_close(&what, &nn, &expected, TOLERANCE);
        let tn = twice(&what, || matmul(&turned.t()?, &gb));
        assert_close(&what, &tn, &expected, TOLERANCE);
        let tt = twice(&what, || matmul(&turned.t()?, &gw.t()?));
        assert_close(&what, &tt, &expected, TOLERANCE);

        // Into a part of a wider matrix, and added to what is there.
        let old = matrix(3, m, n);
        let here = old.copy().unwrap();
        matmul_into(&here, &a, &b, 0.5, 2.0).unwrap();
        for b in [&gw.t().unwrap(), &gb] {
            let part = up_wide(&old, 5);
            matmul_into(&part, &ga, b, 0.5, 2.0).unwrap();
            assert_close(&what, &part, &here, TOLERANCE);
            let sums = old.to_device(&gpu()).unwrap();
            matmul_into(&sums, &ga, b, 0.5, 2.0).unwrap();
            assert_close(&what, &sums, &here, 1e-5);
        }
        // f32 throughout.
        let wide = matmul(&a.to_device(&gpu()).unwrap(), &b.to_device(&gpu()).unwrap()).unwrap();
        assert_close(&what, &wide, &expected, 1e-5);
    }
    let (a, b) = (up(&matrix(1, 4, 8)), up(&matrix(2, 8, 6)));
    let c = up(&matrix(3, 6, 4));
    assert!(
        matmul_into(&c.t().unwrap(), &a, &b, 1.0, 0.0).is_err(),
        "rows side by side"
    );
    assert!(
        matmul(&a, &matrix(2, 8, 6).to_device(&gpu()).unwrap()).is_err(),
        "two types"
    );
}

#[test]
fn dropouts_choose_as_the_cpu_does() {
    for (rows, dim) in [(33, 4096), (5, 100), (7, 33)] {
        let x = matrix(1, rows, dim);
        for more in [0, 3, 8] {
            // A factor of two is exact in bf16.
            let got = twice("dropout", || dropout(&up_wide(&x, more), 0.5, 7));
            assert_eq!(
                flat(&got),
                flat(&dropout(&x, 0.5, 7).unwrap()),
                "{rows} {dim} {more}"
            );
        }
        let got = dropout(&up(&x), 0.1, 8).unwrap();
        assert_close("dropout", &got, &dropout(&x, 0.1, 8).unwrap(), TOLERANCE);
    }
}

#[test]
fn embeddings() {
    let table = matrix(1, 500, 64);
    let tokens = [4u32, 0, 499, 4];
    let got = embedding(&up(&table), &index(&tokens, &gpu())).unwrap();
    let expected = embedding(&table, &index(&tokens, &Device::Cpu)).unwrap();
    assert_eq!(flat(&got), flat(&expected));
}
