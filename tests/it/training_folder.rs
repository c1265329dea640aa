//! The folder of a training: what is whole in it, whatever fails while it is written.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use antiks::base::disk::OsDisk;
use antiks::base::id::ContentHash;
use antiks::train::error::TrainError;
use antiks::train::folder::{Origin, Receipt, TRAINING_RECEIPT, TrainingFolder};
use antiks::train::recipe::Recipe;
use antiks::train::run::State;
use candle_core::{Device, Tensor};

use crate::failing_disk::{EIO, ENOSPC, FailingDisk, Fault, Sort};

fn origin() -> Origin {
    Origin {
        base: ContentHash::of(b"base"),
        parent: None,
        examples: ContentHash::of(b"examples"),
        recipe: Recipe::default(),
        device: "cpu".to_owned(),
    }
}

/// A state that says its step by its values.
fn state(step: usize) -> State {
    let vector = Tensor::new(vec![step as f32; 100], &Device::Cpu).unwrap();
    State {
        step,
        parameters: vector.clone(),
        first_moment: vector.clone(),
        second_moment: vector,
    }
}

fn receipt() -> Receipt {
    Receipt {
        origin: origin(),
        host: "example machine".to_owned(),
        version: "0".to_owned(),
        examples: 1,
        too_long: 0,
        weights: ContentHash::of(b"weights"),
        steps: Vec::new(),
    }
}

fn create(path: &Path) -> Result<TrainingFolder, TrainError> {
    TrainingFolder::create(path, Arc::new(OsDisk))
}

fn open(path: &Path) -> Result<TrainingFolder, TrainError> {
    TrainingFolder::open(path, Arc::new(OsDisk))
}

fn save(folder: &TrainingFolder, step: usize) -> Result<(), TrainError> {
    folder.save(&origin(), &state(step), &[])
}

/// The step that the folder goes on from; its state is whole.
fn newest(folder: &TrainingFolder) -> usize {
    let (state, _) = folder.newest(&origin(), &Device::Cpu).unwrap();
    let values: Vec<f32> = state.second_moment.to_vec1().unwrap();
    assert_eq!(values, vec![state.step as f32; 100]);
    state.step
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_one_training_s_at_a_time_and_in_the_end_only_its_result() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("deep/out");
    let folder = create(&path).unwrap();
    let error = create(&path).err().unwrap().to_string();
    assert!(error.contains("another training runs in"), "{error}");
    save(&folder, 0).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("another training runs in"), "{error}");
    drop(folder);

    let error = create(&path).err().unwrap().to_string();
    assert!(error.contains("is not empty"), "{error}");
    let folder = open(&path).unwrap();
    folder.write("adapter_config.json", b"{}").unwrap();
    folder.finish(TRAINING_RECEIPT, &receipt()).unwrap();
    assert_eq!(names(&path), ["adapter_config.json", "training.json"]);
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("has ended"), "{error}");

    // One that died before it kept anything is no training.
    let early = place.path().join("early");
    drop(create(&early).unwrap());
    assert_eq!(names(&early), ["lock"]);
    assert!(open(&early).is_err());
    assert!(create(&early).is_ok());
}

#[test]
fn a_torn_state_is_passed_over_and_written_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = create(place.path()).unwrap();
    save(&folder, 1).unwrap();
    let states = place.path().join("state");
    let whole = fs::read(states.join("1.safetensors")).unwrap();
    for (torn_record, torn_weights) in [(0, whole.len()), (40, whole.len()), (40, 9)] {
        // As programs leave them that write under a file's own name.
        let record = fs::read(states.join("1.json")).unwrap();
        fs::write(states.join("2.json"), &record[..torn_record]).unwrap();
        fs::write(states.join("2.safetensors"), &whole[..torn_weights]).unwrap();
        fs::write(states.join("7.safetensors"), b"stray").unwrap();
        fs::write(states.join("123-4"), b"staged").unwrap();
        assert_eq!(newest(&folder), 1);
        save(&folder, 2).unwrap();
        assert_eq!(newest(&folder), 2);
        assert_eq!(names(&states), ["2.json", "2.safetensors"]);
        save(&folder, 1).unwrap();
        assert_eq!(names(&states), ["1.json", "1.safetensors"]);
    }
}

/// Whatever fails, a whole state is there, and nothing that only looks like a result.
#[test]
fn a_disk_that_fails_leaves_a_training_that_goes_on() {
    const CASES: [(&[Sort], i32); 5] = [
        (&[Sort::Create], ENOSPC),
        (&[Sort::Write], ENOSPC),
        (&[Sort::SyncFile], EIO),
        (&[Sort::Link], EIO),
        (&[Sort::SyncDir], EIO),
    ];
    let mut failures = 0;
    for (sorts, errno) in CASES {
        for at in 0..9 {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("out");
            save(&create(&path).unwrap(), 1).unwrap();

            let disk = FailingDisk::new(Arc::new(OsDisk));
            let folder = TrainingFolder::open(&path, Arc::new(disk.clone())).unwrap();
            disk.arm(Fault {
                sorts,
                at,
                errno,
                forever: true,
            });
            let saved = save(&folder, 2);
            let written = saved.and_then(|()| folder.write("adapter_config.json", b"{}"));
            let ended = written.and_then(|()| folder.finish(TRAINING_RECEIPT, &receipt()));
            failures += usize::from(ended.is_err());
            if path.join("training.json").exists() {
                // It has its name; whether that is on disk the failed sync did not say.
                let text = fs::read(path.join("training.json")).unwrap();
                let whole: Receipt = serde_json::from_slice(&text).unwrap();
                assert_eq!(whole, receipt());
                assert!(ended.is_ok() || sorts == [Sort::SyncDir]);
                continue;
            }
            assert!(ended.is_err());
            let folder = open(&path).unwrap();
            assert!((1..=2).contains(&newest(&folder)), "{sorts:?} {at}");
            save(&folder, 2).unwrap();
            folder.write("adapter_config.json", b"{}").unwrap();
            folder.finish(TRAINING_RECEIPT, &receipt()).unwrap();
            assert_eq!(names(&path), ["adapter_config.json", "training.json"]);
        }
    }
    assert!(failures >= 20, "{failures}");
}
