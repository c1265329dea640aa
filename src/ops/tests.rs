//! Every backward pass against differences of its forward pass, and all operations for
//! different numbers of threads.

use candle_core::{Device, IndexOp, Result, Tensor};

use super::*;
use crate::base::seed::Random;

const HEADS: Heads = Heads {
    query: 4,
    key_value: 2,
    dim: 6,
};

fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random::new(seed, &["ops"]);
    let number = |_| random.between(-1_000, 1_000) as f32 / 700.0;
    (0..len).map(number).collect()
}

fn matrix(seed: u64, rows: usize, columns: usize) -> Tensor {
    Tensor::from_vec(numbers(seed, rows * columns), (rows, columns), &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Σ weight·f(x), in f64 so that differences keep some digits.
fn weighted(value: &Tensor, weights: &Tensor) -> f64 {
    let pairs = flat(value).into_iter().zip(flat(weights));
    pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
}

/// Compares `gradient` with central differences of Σ weights·f at `x`.
fn check_gradient(
    x: &Tensor,
    weights: &Tensor,
    gradient: &Tensor,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) {
    const STEP: f32 = 1e-2;
    let (values, gradient) = (flat(x), flat(gradient));
    assert_eq!(values.len(), gradient.len());
    let largest = gradient.iter().fold(0f32, |a, b| a.max(b.abs()));
    assert!(largest > 0.0, "a gradient of zeros proves nothing");
    for place in 0..values.len() {
        let at = |shift: f32| {
            let mut values = values.clone();
            values[place] += shift;
            let x = Tensor::from_vec(values, x.shape(), &Device::Cpu).unwrap();
            weighted(&f(&x).unwrap(), weights)
        };
        let difference = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
        let error = (difference - f64::from(gradient[place])).abs();
        assert!(
            error < 2e-3 * f64::from(largest.max(1.0)),
            "element {place}: {} instead of {difference}",
            gradient[place]
        );
    }
}

#[test]
fn sums_are_those_of_candle_and_need_one_shape() {
    let wide = matrix(1, 7, 12);
    let (a, b) = (wide.narrow(1, 2, 5).unwrap(), matrix(2, 7, 5));
    assert_eq!(flat(&add(&a, &b).unwrap()), flat(&(&a + &b).unwrap()));
    assert!(add(&matrix(1, 7, 5), &matrix(2, 5, 7)).is_err());
}

#[test]
fn rms_norm_has_the_gradient_of_differences() {
    let (x, w, dy) = (matrix(1, 3, 20), matrix(2, 1, 20), matrix(3, 3, 20));
    let w = w.squeeze(0).unwrap();
    let dx = rms_norm_backward(&x, &w, &dy, 1e-5, None).unwrap();
    check_gradient(&x, &dy, &dx, |x| rms_norm(x, &w, 1e-5, 0));
    // With a residual: the gradient of x + norm(x), if both have the same weights.
    let both = rms_norm_backward(&x, &w, &dy, 1e-5, Some(&dy)).unwrap();
    check_gradient(&x, &dy, &both, |x| rms_norm(x, &w, 1e-5, 0)? + x);
    assert!(rms_norm_backward(&x, &w, &dy, 1e-5, Some(&matrix(4, 2, 20))).is_err());
    // The weight's gradient is linear in the weight: with weights of 1, f(x)·dy summed up.
    let dw = rms_norm_weight_gradient(&x, &dy, 1e-5).unwrap();
    check_gradient(&w, &dy, &dw, |w| rms_norm(&x, w, 1e-5, 0));
}

#[test]
fn swiglu_has_the_gradient_of_differences() {
    let (x, dy) = (matrix(1, 3, 20), matrix(2, 3, 10));
    let dx = swiglu_backward(&x, &dy).unwrap();
    check_gradient(&x, &dy, &dx, |x| swiglu(x, 0));
}

#[test]
fn rope_turned_back_is_the_gradient_of_differences() {
    let (x, dy) = (matrix(1, 3, HEADS.width()), matrix(2, 3, HEADS.width()));
    let rope = Rope::new(HEADS.dim, 1e4, 200, &Device::Cpu).unwrap();
    let positions = Tensor::new(&[0u32, 7, 130], &Device::Cpu).unwrap();
    let turn = |x: &Tensor, direction| {
        let x = x.copy().unwrap();
        rope_in_place(&x, &positions, &rope, HEADS, direction).map(|()| x)
    };
    let dx = turn(&dy, Direction::Backward).unwrap();
    check_gradient(&x, &dy, &dx, |x| turn(x, Direction::Forward));
    let there_and_back = turn(&turn(&x, Direction::Forward).unwrap(), Direction::Backward);
    for (a, b) in flat(&there_and_back.unwrap()).iter().zip(flat(&x)) {
        assert!((a - b).abs() < 1e-5);
    }
}

#[test]
fn attention_has_the_gradient_of_differences() {
    let sequences = Sequences::new(&[5, 1, 3], &Device::Cpu).unwrap();
    let rows = sequences.rows();
    for window in [None, Some(2)] {
        let x = matrix(1, rows, HEADS.width());
        let dout = matrix(2, rows, HEADS.query_width());
        let out = attention(&x, &sequences, None, HEADS, window, 3).unwrap();
        let dx = attention_backward(&x, &out, &dout, &sequences, None, HEADS, window).unwrap();
        check_gradient(&x, &dout, &dx, |x| {
            attention(x, &sequences, None, HEADS, window, 0)
        });
    }
}

#[test]
fn a_sequence_that_goes_on_from_another_sees_it_first() {
    // A stem with two branches, the second longer than a block, and one apart.
    let (stem, branches, apart) = (70, [3, 80], 2);
    let parts = [
        (stem, None),
        (branches[0], Some(0)),
        (branches[1], Some(0)),
        (apart, None),
    ];
    let together = Sequences::with_stems(&parts, &Device::Cpu).unwrap();
    let lens = [stem + branches[0], stem + branches[1], apart];
    let repeated = Sequences::new(&lens, &Device::Cpu).unwrap();
    let rows: Vec<u32> = [0..73, 0..70, 73..153, 153..155]
        .into_iter()
        .flatten()
        .collect();
    let rows = Tensor::new(rows.as_slice(), &Device::Cpu).unwrap();
    let repeat = |x: &Tensor| x.index_select(&rows, 0).unwrap();
    let again = together.positions.index_select(&rows, 0).unwrap();
    let positions = |it: &Tensor| it.to_vec1::<u32>().unwrap();
    assert_eq!(positions(&again), positions(&repeated.positions));
    assert!(!together.are_apart() && repeated.are_apart());
    let near = |a: &Tensor, b: &Tensor| {
        let pairs = flat(a).into_iter().zip(flat(b));
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));
    };
    for window in [None, Some(75)] {
        let qkv = matrix(1, 155, HEADS.width());
        let out = attention(&qkv, &together, None, HEADS, window, 1).unwrap();
        let out_again = attention(&repeat(&qkv), &repeated, None, HEADS, window, 1).unwrap();
        near(&repeat(&out), &out_again);

        // The stem's rows have a gradient of their own in the first of the repetitions.
        let dout = matrix(2, 155, HEADS.query_width());
        let once = repeat(&dout);
        let zeros = Tensor::zeros((stem, HEADS.query_width()), dout.dtype(), &Device::Cpu);
        once.slice_set(&zeros.unwrap(), 0, 73).unwrap();
        let dqkv = attention_backward(&qkv, &out, &dout, &together, None, HEADS, window).unwrap();
        let apart = attention_backward(
            &repeat(&qkv),
            &out_again,
            &once,
            &repeated,
            None,
            HEADS,
            window,
        );
        let sum = dqkv.zeros_like().unwrap();
        let sum = sum.index_add(&rows, &apart.unwrap(), 0).unwrap();
        near(&dqkv, &sum);
    }
    for wrong in [
        [(3, Some(1)), (2, None)],
        [(3, None), (2, Some(1))],
        [(3, None), (2, Some(7))],
    ] {
        assert!(Sequences::with_stems(&wrong, &Device::Cpu).is_err());
    }
    let deep = [(3, None), (2, Some(0)), (1, Some(1))];
    assert!(Sequences::with_stems(&deep, &Device::Cpu).is_err());
}

#[test]
fn rows_that_nobody_wants_change_nothing_in_others() {
    // Wanted are the last rows of a branch and of one apart, which stand in some blocks.
    let parts = [(70, None), (90, Some(0)), (150, None)];
    let sequences = Sequences::with_stems(&parts, &Device::Cpu).unwrap();
    let wanted: Vec<u32> = (155..160).chain(300..310).collect();
    let wanted = Tensor::new(wanted.as_slice(), &Device::Cpu).unwrap();
    let qkv = matrix(1, 310, HEADS.width());
    let all = attention(&qkv, &sequences, None, HEADS, None, 1).unwrap();
    let some = attention(&qkv, &sequences, Some(&wanted), HEADS, None, 1).unwrap();
    let own = |x: &Tensor| flat(&x.index_select(&wanted, 0).unwrap());
    assert_eq!(own(&all), own(&some));
    assert_eq!(flat(&some.narrow(0, 0, 70).unwrap()), [0.0; 70 * 25]);

    let gradients = matrix(2, 15, HEADS.query_width());
    let dout = Tensor::zeros((310, HEADS.query_width()), gradients.dtype(), &Device::Cpu);
    let dout = dout.unwrap().index_add(&wanted, &gradients, 0).unwrap();
    let back = |wanted, out| {
        let gradient = attention_backward(&qkv, out, &dout, &sequences, wanted, HEADS, None);
        flat(&gradient.unwrap())
    };
    assert_eq!(back(None, &all), back(Some(&wanted), &some));
    let past = Tensor::new(&[310u32], &Device::Cpu).unwrap();
    assert!(attention(&qkv, &sequences, Some(&past), HEADS, None, 1).is_err());
}

#[test]
fn attention_over_many_blocks_agrees_with_the_cache() {
    let sequences = Sequences::new(&[150, 70], &Device::Cpu).unwrap();
    for window in [None, Some(90)] {
        let qkv = matrix(1, 220, HEADS.width());
        let out = attention(&qkv, &sequences, None, HEADS, window, 2).unwrap();
        let (key, value) = (
            HEADS.query_width(),
            HEADS.query_width() + HEADS.key_value_width(),
        );
        let shape = (2, HEADS.key_value, 160, HEADS.dim);
        let zeros = || Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let (keys, values) = (zeros(), zeros());
        let slots: Vec<u32> = (0..220).map(|row| u32::from(row >= 150)).collect();
        let all = Slots {
            slots: Tensor::new(slots.as_slice(), &Device::Cpu).unwrap(),
            positions: sequences.positions.clone(),
        };
        cache_write(&keys, &qkv, key, &all, HEADS).unwrap();
        cache_write(&values, &qkv, value, &all, HEADS).unwrap();
        let again = cached_attention(&qkv, &keys, &values, &all, HEADS, window, 2).unwrap();
        for (a, b) in flat(&out).iter().zip(flat(&again)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn appending_to_the_cache_turns_and_keeps() {
    let rope = Rope::new(HEADS.dim, 1e4, 9, &Device::Cpu).unwrap();
    let at = Slots {
        slots: Tensor::new(&[1u32, 0], &Device::Cpu).unwrap(),
        positions: Tensor::new(&[8u32, 3], &Device::Cpu).unwrap(),
    };
    let (qkv, turned) = (matrix(1, 2, HEADS.width()), matrix(1, 2, HEADS.width()));
    let zeros = || {
        let shape = (2, HEADS.key_value, 9, HEADS.dim);
        Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap()
    };
    let (keys, values) = (zeros(), zeros());
    cache_append(&qkv, &keys, &values, &at, &rope, HEADS).unwrap();
    rope_in_place(&turned, &at.positions, &rope, HEADS, Direction::Forward).unwrap();
    assert_eq!(flat(&qkv), flat(&turned));
    for (row, (slot, position)) in [(1, 8), (0, 3)].into_iter().enumerate() {
        for head in 0..HEADS.key_value {
            let columns = |first_head: usize| {
                let first = (first_head + head) * HEADS.dim;
                flat(&turned.i((row, first..first + HEADS.dim)).unwrap())
            };
            let kept = |cache: &Tensor| flat(&cache.i((slot, head, position)).unwrap());
            assert_eq!(kept(&keys), columns(HEADS.query));
            assert_eq!(kept(&values), columns(HEADS.query + HEADS.key_value));
        }
    }
    let written = |cache: &Tensor| flat(cache).iter().filter(|it| **it != 0.0).count();
    let most = 2 * HEADS.key_value_width();
    assert!(written(&keys) <= most && written(&values) <= most);
    assert!(weighted(&values, &values) > 0.0);
    let narrow = zeros().narrow(2, 0, 8).unwrap();
    assert!(cached_attention(&qkv, &keys, &narrow, &at, HEADS, None, 0).is_err());
    // A row sees itself, however small the window is.
    let [one, none] = [1, 0].map(|window| {
        let mixed = cached_attention(&qkv, &keys, &values, &at, HEADS, Some(window), 0);
        flat(&mixed.unwrap())
    });
    assert_eq!(one, none);
    assert_eq!(one[..HEADS.dim], flat(&values.i((1, 0, 8)).unwrap()));
}

#[test]
fn shapes_are_checked() {
    let sequences = Sequences::new(&[2], &Device::Cpu).unwrap();
    for (query, key_value, dim) in [(4, 0, 6), (4, 3, 6), (4, 2, 0), (0, 2, 6)] {
        let heads = Heads {
            query,
            key_value,
            dim,
        };
        let qkv = matrix(1, 2, heads.width());
        assert!(attention(&qkv, &sequences, None, heads, None, 1).is_err());
    }
    assert!(Sequences::new(&[7, u32::MAX as usize], &Device::Cpu).is_err());
    let (x, odd) = (matrix(1, 3, 20), matrix(2, 2, 20));
    assert!(rms_norm_weight_gradient(&x, &odd, 1e-5).is_err());
    assert!(swiglu(&matrix(1, 3, 5), 0).is_err());
    // A weight and a vector are what they hold, whatever shape they have.
    let weight = matrix(3, 4, 5);
    let same = rms_norm(&x, &weight.flatten_all().unwrap(), 1e-5, 0).unwrap();
    assert_eq!(flat(&rms_norm(&x, &weight, 1e-5, 0).unwrap()), flat(&same));
    assert_eq!(
        sum_squares(&weight).unwrap(),
        sum_squares(&weight.flatten_all().unwrap()).unwrap()
    );
    assert_eq!(sum_squares(&matrix(1, 0, 5)).unwrap(), 0.0);
}

#[test]
fn dropout_keeps_its_rate_and_its_mean() {
    let ones = Tensor::ones((400, 250), candle_core::DType::F32, &Device::Cpu).unwrap();
    for rate in [0.05f32, 0.5, 0.9] {
        let kept = flat(&dropout(&ones, rate, 7).unwrap());
        let zeros = kept.iter().filter(|it| **it == 0.0).count() as f64 / kept.len() as f64;
        let sum: f64 = kept.iter().map(|it| f64::from(*it)).sum();
        // Five standard deviations of 100,000 choices.
        let deviation = (f64::from(rate * (1.0 - rate)) / kept.len() as f64).sqrt();
        assert!(
            (zeros - f64::from(rate)).abs() < 5.0 * deviation,
            "{rate}: {zeros}"
        );
        let mean = sum / kept.len() as f64;
        assert!(
            (mean - 1.0).abs() < 5.0 * deviation / f64::from(1.0 - rate),
            "{rate}: {mean}"
        );
    }
    let (one, other) = (
        dropout(&ones, 0.5, 7).unwrap(),
        dropout(&ones, 0.5, 8).unwrap(),
    );
    let same = flat(&one)
        .iter()
        .zip(flat(&other))
        .filter(|(a, b)| *a == b)
        .count();
    assert!(
        (45_000..55_000).contains(&same),
        "seeds choose independently: {same}"
    );
}

#[test]
fn dropout_is_its_own_gradient() {
    let (x, dy) = (matrix(1, 5, 20), matrix(2, 5, 20));
    let dx = dropout(&dy, 0.3, 9).unwrap();
    check_gradient(&x, &dy, &dx, |x| dropout(x, 0.3, 9));
    // Places count from the view's own first column.
    let wide = Tensor::cat(&[&matrix(3, 5, 4), &dy], 1).unwrap();
    let view = wide.narrow(1, 4, 20).unwrap();
    assert_eq!(flat(&dropout(&view, 0.3, 9).unwrap()), flat(&dx));
}

#[test]
fn a_sequence_does_not_see_its_neighbours() {
    let both = matrix(1, 8, HEADS.width());
    let run = |x: &Tensor, lens: &[usize]| {
        let sequences = Sequences::new(lens, &Device::Cpu).unwrap();
        attention(x, &sequences, None, HEADS, None, 0).unwrap()
    };
    let packed = run(&both, &[5, 3]);
    let alone = run(&both.narrow(0, 5, 3).unwrap(), &[3]);
    assert_eq!(flat(&packed.narrow(0, 5, 3).unwrap()), flat(&alone));
}

#[test]
fn cross_entropy_has_the_gradient_of_differences() {
    let logits = matrix(1, 3, 9);
    let targets = Tensor::new(&[0u32, 8, 4], &Device::Cpu).unwrap();
    let ones = Tensor::new(&[1f32, 1.0, 1.0], &Device::Cpu).unwrap();
    let gradient = logits.copy().unwrap();
    cross_entropy_in_place(&gradient, &targets, 1.0).unwrap();
    check_gradient(&logits, &ones, &gradient, |x| {
        cross_entropy_in_place(&x.copy()?, &targets, 1.0)
    });
}

#[test]
fn a_product_is_appended_to_its_input() {
    for (rows, inputs, rank) in [(1, 8, 3), (5, 6, 4), (7, 5, 1)] {
        let (own, a) = (matrix(1, rows, inputs), matrix(2, rank, inputs));
        let x = own.pad_with_zeros(1, 0, rank).unwrap();
        append_product(&x, inputs, &a, 0.5).unwrap();
        let product = matmul(&own, &a.t().unwrap()).unwrap();
        let expected = Tensor::cat(&[own, (product * 0.5).unwrap()], 1).unwrap();
        assert_eq!(flat(&x), flat(&expected));
        assert!(append_product(&x, inputs - 1, &a, 0.5).is_err());
    }
    let turned = matrix(1, 7, 4);
    let refused = append_product(&turned.t().unwrap(), 5, &matrix(2, 2, 5), 1.0);
    assert!(refused.is_err(), "columns lie apart");
}

#[test]
fn products_write_into_parts_and_add_up() {
    let (a, b) = (matrix(1, 4, 3), matrix(2, 3, 2));
    let wide = matrix(3, 4, 5);
    let before = wide.copy().unwrap();
    let part = wide.narrow(1, 2, 2).unwrap();
    matmul_into(&part, &a, &b, 0.5, 2.0).unwrap();
    let product = a.matmul(&b).unwrap();
    let expected = ((&product * 0.5).unwrap() + (before.narrow(1, 2, 2).unwrap() * 2.0)).unwrap();
    for (a, b) in flat(&part).iter().zip(flat(&expected)) {
        assert!((a - b).abs() < 1e-5);
    }
    assert_eq!(
        flat(&wide.narrow(1, 0, 2).unwrap()),
        flat(&before.narrow(1, 0, 2).unwrap())
    );
    let turned = matmul(&b.t().unwrap(), &a.t().unwrap()).unwrap();
    for (a, b) in flat(&turned.t().unwrap().contiguous().unwrap())
        .iter()
        .zip(flat(&product))
    {
        assert!((a - b).abs() < 1e-5);
    }
    assert!(
        matmul_into(&part, &a, &a, 1.0, 0.0).is_err(),
        "shapes are checked"
    );
    let overlap = matmul_into(&a, &a, &matrix(4, 3, 3), 1.0, 0.0);
    assert!(overlap.unwrap_err().to_string().contains("storage"));
    let apart = matrix(3, 2, 4);
    assert!(matmul_into(&apart.t().unwrap(), &a, &b, 1.0, 0.0).is_err());
}

#[test]
fn adamw_takes_the_steps_of_its_definition() {
    let step = AdamW {
        rate: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: 0.5,
        step: 1,
        gradient_scale: 0.5,
    };
    let vector = |value: f32| Tensor::from_vec(vec![value; 3], 3, &Device::Cpu).unwrap();
    let (parameters, first, second) = (vector(1.0), vector(0.0), vector(0.0));
    adamw_in_place(&parameters, &vector(4.0), &first, &second, &step).unwrap();
    // The first step moves by the rate, whatever the gradient's size: 1 − 0.05 − 0.1.
    for value in flat(&parameters) {
        assert!((value - 0.85).abs() < 1e-6, "{value}");
    }
    assert!((flat(&first)[0] - 0.2).abs() < 1e-6 && (flat(&second)[0] - 0.04).abs() < 1e-6);
    assert!((sum_squares(&vector(2.0)).unwrap() - 12.0).abs() < 1e-9);
    // What is read while its memory is written is refused, and nobody waits for a lock.
    let both = matrix(1, 2, 3);
    let [one, other] = [0, 1].map(|row| both.i(row).unwrap());
    assert!(adamw_in_place(&parameters, &one, &other, &second, &step).is_err());
    assert!(adamw_in_place(&one, &vector(4.0), &other, &second, &step).is_err());
}

#[test]
fn embeddings_are_looked_up_and_added_up() {
    let table = matrix(1, 5, 3);
    let tokens = [4u32, 0, 4];
    let rows = embedding(&table, &Tensor::new(&tokens, &Device::Cpu).unwrap()).unwrap();
    assert_eq!(flat(&rows)[..3], flat(&table)[12..]);
    let gradient = Tensor::ones((5, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
    embedding_gradient(&gradient, &tokens, &matrix(2, 3, 3)).unwrap();
    let (gradient, dy) = (flat(&gradient), flat(&matrix(2, 3, 3)));
    assert_eq!(gradient[12], 1.0 + (dy[0] + dy[6]));
    assert_eq!((gradient[0], gradient[3]), (1.0 + dy[3], 1.0));
    let outside = Tensor::new(&[5u32], &Device::Cpu).unwrap();
    assert!(embedding(&table, &outside).is_err());
}

#[test]
fn bits_do_not_depend_on_threads() {
    let sequences = Sequences::new(&[90, 40, 133], &Device::Cpu).unwrap();
    let rows = sequences.rows();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let x = matrix(1, rows, 96);
            let weight = matrix(2, HEADS.width(), 96);
            let qkv = matmul(&x, &weight.t().unwrap()).unwrap();
            let out = attention(&qkv, &sequences, None, HEADS, None, 0).unwrap();
            let dqkv = attention_backward(&qkv, &out, &out, &sequences, None, HEADS, None).unwrap();
            let dw = matmul(&dqkv.t().unwrap(), &x).unwrap();
            let norm = rms_norm_weight_gradient(&x, &x, 1e-5).unwrap();
            let dropped = dropout(&x, 0.4, 3).unwrap();
            [qkv, out, dqkv, dw, norm, dropped]
                .map(|it| flat(&it).into_iter().map(f32::to_bits).collect::<Vec<_>>())
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}
