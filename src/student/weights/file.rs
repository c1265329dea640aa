//! The bytes of safetensors files: their headers, checked, and new files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::student::error::{StudentError, json, tensor as wrong};

/// Headers of real models have tens of kilobytes; parsing one takes ten times its size.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Files by tensor, as `model.safetensors.index.json` gives them: the names of the files,
/// sorted, each once.
///
/// # Errors
/// [`StudentError::Json`], or [`StudentError::Key`] if the map is missing or names a file
/// outside of the folder.
pub fn shards(path: &Path, index: &[u8]) -> Result<Vec<String>, StudentError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = serde_json::from_slice(index).map_err(json(path))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    let outside = |name: &&String| {
        name.contains(['/', '\\']) || !name.ends_with(".safetensors") || name.starts_with('.')
    };
    let what = match (names.iter().find(outside), names.is_empty()) {
        (Some(name), _) => format!("names {name:?}, which is no safetensors file of its folder"),
        (None, true) => "is empty".to_owned(),
        (None, false) => return Ok(names.into_iter().collect()),
    };
    Err(StudentError::Key {
        path: path.to_owned(),
        key: "weight_map".to_owned(),
        what,
    })
}

/// The bytes of a safetensors file with these matrices, the same for the same matrices:
/// sorted by name, F32, with the metadata `{"format": "pt"}` that PEFT looks for.
///
/// # Errors
/// [`StudentError::Tensor`] if a matrix has not the length of its shape.
pub fn write_f32(
    path: &Path,
    tensors: &BTreeMap<String, ([usize; 2], &[f32])>,
) -> Result<Vec<u8>, StudentError> {
    let mut header = String::from(r#"{"__metadata__":{"format":"pt"}"#);
    let mut end = 0;
    for (name, ([rows, columns], values)) in tensors {
        if rows.checked_mul(*columns) != Some(values.len()) {
            let what = format!("has {} values for [{rows}, {columns}]", values.len());
            return Err(wrong(path, name, what));
        }
        let start = end;
        end += 4 * values.len();
        // As JSON, a name is in quotes and escaped.
        let name = serde_json::Value::from(name.as_str());
        header.push_str(&format!(
            r#",{name}:{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[{start},{end}]}}"#
        ));
    }
    header.push('}');
    // The data begins at a multiple of eight bytes.
    let padded = header.len().next_multiple_of(8);
    header.extend(std::iter::repeat_n(' ', padded - header.len()));
    let mut bytes = Vec::with_capacity(8 + padded + end);
    bytes.extend_from_slice(&(padded as u64).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for (_, values) in tensors.values() {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(bytes)
}

/// Name, type, shape and place in the file of a tensor.
pub type Found = (String, Dtype, Vec<usize>, Range<usize>);

/// All tensors of a file, in no order.
///
/// # Errors
/// [`StudentError::Safetensors`] if the file is none or is not whole.
pub fn tensors_of(path: &Path, bytes: &[u8]) -> Result<Vec<Found>, StudentError> {
    let broken = |what: String| StudentError::Safetensors {
        path: path.to_owned(),
        what,
    };
    let (len, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| broken(format!("it has {} bytes", bytes.len())))?;
    let header_bytes = u64::from_le_bytes(*len);
    if header_bytes > MAX_HEADER_BYTES {
        let what =
            format!("its header would have {header_bytes} bytes, more than {MAX_HEADER_BYTES}");
        return Err(broken(what));
    }
    if header_bytes > rest.len() as u64 {
        let what = format!(
            "its header has {header_bytes} bytes, and the file ends after {}",
            rest.len()
        );
        return Err(broken(what));
    }
    // This checks that the tensors lie one behind the other from the header's end to the
    // file's, each as long as its shape and type say.
    let (header, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| broken(error.to_string()))?;
    let data = 8 + header;
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        (
            name,
            info.dtype,
            info.shape.clone(),
            data + start..data + end,
        )
    });
    Ok(tensors.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "model.safetensors";

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn open(bytes: &[u8]) -> Result<Vec<Found>, StudentError> {
        tensors_of(Path::new(PATH), bytes)
    }

    #[test]
    fn hostile_files_are_errors() {
        let pair = |first: &str, second: &str| {
            format!(
                r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":{first}}},"b":{{"dtype":"F32","shape":[2],"data_offsets":{second}}}}}"#
            )
        };
        let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}"#;
        let mut long_header = u64::MAX.to_le_bytes().to_vec();
        long_header.extend_from_slice(b"{}");
        let mut header_past_the_end = 1000_u64.to_le_bytes().to_vec();
        header_past_the_end.extend_from_slice(b"{}");
        let mut nested = "[".repeat(100_000);
        nested.insert_str(0, r#"{"a":"#);
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("seven bytes", vec![0; 7]),
            ("no header", vec![0; 8]),
            ("huge header", long_header),
            ("header past the end", header_past_the_end),
            ("no JSON", file("nothing", &[])),
            ("no UTF-8", file("{\"\u{1}\":", &[])),
            ("nested", file(&nested, &[])),
            ("overlap", file(&pair("[0,8]", "[4,12]"), &[0; 12])),
            ("same place", file(&pair("[0,8]", "[0,8]"), &[0; 8])),
            ("hole", file(&pair("[0,8]", "[12,20]"), &[0; 20])),
            ("past the end", file(&pair("[0,8]", "[8,16]"), &[0; 12])),
            ("rest", file(&pair("[0,8]", "[8,16]"), &[0; 17])),
            ("backwards", file(&pair("[8,0]", "[8,16]"), &[0; 16])),
            ("wrong length", file(&pair("[0,4]", "[4,12]"), &[0; 12])),
            ("overflow", file(huge, &[0; 8])),
        ] {
            let error = open(&bytes).unwrap_err();
            assert!(
                matches!(error, StudentError::Safetensors { .. }),
                "{what}: {error}"
            );
            assert!(error.to_string().contains("model.safetensors"), "{error}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let tensors = BTreeMap::from([("w".to_owned(), ([2, 2], &[1.0, 2.0, 3.0, 4.0][..]))]);
        let bytes = write_f32(Path::new("x"), &tensors).unwrap();
        for end in 0..bytes.len() {
            assert!(open(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(open(&bytes).is_ok());
    }

    #[test]
    fn what_is_written_is_read_and_always_the_same() {
        let values = [1.0, -2.5];
        let tensors = BTreeMap::from([
            ("b\"quoted".to_owned(), ([1, 2], &values[..])),
            ("a".to_owned(), ([2, 1], &values[..])),
        ]);
        let bytes = write_f32(Path::new("x"), &tensors).unwrap();
        assert_eq!(bytes, write_f32(Path::new("x"), &tensors).unwrap());
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(parsed.tensor("b\"quoted").unwrap().shape(), [1, 2]);
        let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(
            (
                header % 8,
                metadata.metadata().as_ref().unwrap()["format"].as_str()
            ),
            (0, "pt")
        );
        let mut found = open(&bytes).unwrap();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let (name, dtype, shape, place) = &found[0];
        assert_eq!(
            (name.as_str(), *dtype, shape.as_slice()),
            ("a", Dtype::F32, &[2, 1][..])
        );
        assert_eq!(
            bytes[place.clone()],
            [1.0_f32.to_le_bytes(), (-2.5_f32).to_le_bytes()].concat()
        );
        let short = BTreeMap::from([("a".to_owned(), ([2, 2], &values[..]))]);
        assert!(write_f32(Path::new("x"), &short).is_err());
    }

    #[test]
    fn an_index_names_files_of_its_folder() {
        let path = Path::new("model.safetensors.index.json");
        let index = br#"{"metadata":{},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-2.safetensors"}}"#;
        assert_eq!(
            shards(path, index).unwrap(),
            ["m-1.safetensors", "m-2.safetensors"]
        );
        for bad in [
            r#"{"weight_map":{"a":"../m.safetensors"}}"#,
            r#"{"weight_map":{"a":"/etc/passwd"}}"#,
            r#"{"weight_map":{}}"#,
            r#"{"weight_map":["m.safetensors"]}"#,
            "{}",
        ] {
            assert!(shards(path, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
