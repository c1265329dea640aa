//! Lines of a file, none of which may take all memory.

use std::io::{self, BufRead};

/// The longest line that is read, without its end.
pub const MAX_LINE_BYTES: usize = 16 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines that are not blank, with their numbers.
pub struct Lines<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

/// A line's number and its text, or why it is none.
pub type Line = (u64, Result<String, String>);

impl<R: BufRead> Lines<R> {
    /// The lines of `input`.
    pub fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that is not blank, without white space around it; `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(len_bytes) = self.read_line()? else {
                return Ok(None);
            };
            self.number += 1;
            if len_bytes > MAX_LINE_BYTES as u64 {
                let why = format!("the line has {len_bytes} bytes, more than {MAX_LINE_BYTES}");
                return Ok(Some((self.number, Err(why))));
            }
            let mut bytes = self.line.as_slice();
            if self.number == 1 {
                bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
            }
            let bytes = bytes.trim_ascii();
            if !bytes.is_empty() {
                let text = std::str::from_utf8(bytes)
                    .map(str::to_owned)
                    .map_err(|error| {
                        format!(
                            "it is no UTF-8 after {} bytes; save the file as UTF-8",
                            error.valid_up_to()
                        )
                    });
                return Ok(Some((self.number, text)));
            }
        }
    }

    /// Reads up to and with the next line feed into `line`; what is past the limit is
    /// counted and dropped. Gives the line's length without its end; `None` at the end.
    fn read_line(&mut self) -> io::Result<Option<u64>> {
        self.line.clear();
        let mut len_bytes = 0;
        let mut any = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(any.then_some(len_bytes));
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = &buffer[..end.unwrap_or(buffer.len())];
            let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            len_bytes += piece.len() as u64;
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(len_bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Line> {
        // A small buffer, so that lines span it.
        let mut lines = Lines::new(io::BufReader::with_capacity(7, bytes));
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    #[test]
    fn blank_lines_count_but_are_not_given() {
        let lines = all(b"first line\n\n \t\r\n  second  \r\nlast");
        let texts: Vec<_> = lines
            .into_iter()
            .map(|(number, text)| (number, text.unwrap()))
            .collect();
        let wanted = [(1, "first line"), (4, "second"), (5, "last")];
        assert_eq!(
            texts,
            wanted.map(|(number, text)| (number, text.to_owned()))
        );
        assert!(all(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_an_error_and_the_next_is_read() {
        let mut bytes = vec![b'x'; MAX_LINE_BYTES + 1];
        bytes.extend_from_slice(b"\nab\xff\n");
        bytes.extend(std::iter::repeat_n(b'y', MAX_LINE_BYTES));
        bytes.extend_from_slice(b"\nend");
        let mut lines = Lines::new(bytes.as_slice());
        let mut next = || lines.next_line().unwrap().unwrap();
        assert!(next().1.unwrap_err().contains("16777217 bytes"));
        let (number, text) = next();
        assert_eq!(number, 2);
        assert!(text.unwrap_err().contains("UTF-8 after 2 bytes"));
        assert_eq!(next().1.unwrap().len(), MAX_LINE_BYTES);
        assert_eq!(next(), (4, Ok("end".to_owned())));
    }
}
