//! A server that says what a script tells it to, on loopback. It is bounded in connections
//! and time and stops by itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No script takes longer.
const LIFETIME: Duration = Duration::from_secs(600);
const MAX_CONNECTIONS: usize = 20_000;
const MAX_REQUEST_BYTES: usize = 4 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: String,
    pub body: String,
}

impl Seen {
    /// Whether it asks for a completion, which costs.
    pub fn is_call(&self) -> bool {
        self.line.starts_with("POST ")
    }
}

/// What the server says.
pub enum Say {
    /// A whole response.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These very bytes, and then the end of the connection.
    Raw(Vec<u8>),
    /// A head, and then so many bytes, in chunks or with their length said first.
    Flood { bytes: u64, in_chunks: bool },
    /// A head that promises a body, and then a byte at a time with a gap between them.
    Drip(Duration),
    /// Nothing, until the other side gives up.
    Silence,
    /// Another one, after a while.
    After(Duration, Box<Say>),
}

impl Say {
    /// A 200 with JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Self::Whole(200, Vec::new(), body.into().into_bytes())
    }

    /// An answer of a model.
    pub fn answer(content: &str) -> Self {
        Self::json(completion(content, "stop"))
    }
}

/// A completion that costs a tenth of a cent.
pub fn completion(content: &str, finish_reason: &str) -> String {
    serde_json::json!({
        "id": "gen-1", "model": "test/model", "provider": "Test", "system_fingerprint": "fp",
        "choices": [{"finish_reason": finish_reason,
            "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 50, "cost": 0.001,
            "completion_tokens_details": {"reasoning_tokens": 0}},
    })
    .to_string()
}

/// What OpenRouter lists of the model `test/model`: 2 and 4 US dollars for a million tokens.
pub const MODELS: &str = r#"{"data":[{"id":"test/model","pricing":
    {"prompt":"0.000002","completion":"0.000004"},"supported_parameters":["response_format"]}]}"#;

type Script = dyn Fn(&Seen, usize) -> Say + Send + Sync;

/// A running server.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one. The script is given each call and how many came before it; the list of
    /// models is answered without it.
    pub fn start(script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static) -> Self {
        Self::listing(MODELS.to_owned(), script)
    }

    /// Starts one that lists these models.
    pub fn listing(
        models: String,
        script: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stopped) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let script: Arc<Script> =
            Arc::new(move |seen: &Seen, before: usize| match seen.line.as_str() {
                line if line.starts_with("GET /api/v1/models ") => Say::json(models.clone()),
                line if line.starts_with("GET ") => Say::json("{}"),
                _ => script(seen, before),
            });
        let accepting = {
            let (seen, stopped) = (Arc::clone(&seen), Arc::clone(&stopped));
            std::thread::spawn(move || accept(&listener, &script, &seen, &stopped))
        };
        Self {
            address,
            seen,
            stopped,
            accepting: Some(accepting),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Everything that it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The calls among it.
    pub fn calls(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(Seen::is_call);
        seen
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(
    listener: &TcpListener,
    script: &Arc<Script>,
    seen: &Arc<Mutex<Vec<Seen>>>,
    stopped: &Arc<AtomicBool>,
) {
    let begun = Instant::now();
    let mut connections = 0;
    while !stopped.load(Ordering::SeqCst)
        && begun.elapsed() < LIFETIME
        && connections < MAX_CONNECTIONS
    {
        match listener.accept() {
            Ok((stream, _)) => {
                connections += 1;
                let (script, seen) = (Arc::clone(script), Arc::clone(seen));
                let stopped = Arc::clone(stopped);
                std::thread::spawn(move || {
                    // Whoever asked may be gone: a client is killed on purpose.
                    let _ = serve(stream, &script, &seen, &stopped);
                });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn serve(
    stream: TcpStream,
    script: &Arc<Script>,
    seen: &Mutex<Vec<Seen>>,
    stopped: &AtomicBool,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while !stopped.load(Ordering::SeqCst) {
        let Some(request) = read(&mut input)? else {
            return Ok(());
        };
        let said = {
            let mut seen = seen.lock().unwrap();
            let before = seen.iter().filter(|it| it.is_call()).count();
            seen.push(request.clone());
            before
        };
        if !speak(script(&request, said), &mut out, stopped)? {
            return Ok(());
        }
    }
    Ok(())
}

fn read(input: &mut BufReader<TcpStream>) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = String::new();
    let mut len_bytes = 0;
    loop {
        let mut header = String::new();
        if input.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        let lower = header.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            len_bytes = value.trim().parse().unwrap_or(0);
        }
        headers.push_str(&header);
    }
    let mut body = vec![0; len_bytes.min(MAX_REQUEST_BYTES)];
    input.read_exact(&mut body)?;
    Ok(Some(Seen {
        line,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

/// Says it; gives whether the connection goes on.
fn speak(say: Say, out: &mut TcpStream, stopped: &AtomicBool) -> io::Result<bool> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    match say {
        Say::Whole(status, headers, body) => {
            let mut response = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
            for (name, value) in headers {
                response.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            let len = format!("Content-Length: {}\r\n\r\n", body.len());
            response.extend_from_slice(len.as_bytes());
            response.extend_from_slice(&body);
            out.write_all(&response)?;
            Ok(true)
        }
        Say::Raw(bytes) => out.write_all(&bytes).map(|()| false),
        Say::Flood { bytes, in_chunks } => {
            let piece = vec![b' '; 64 << 10];
            out.write_all(HEAD)?;
            match in_chunks {
                true => out.write_all(b"Transfer-Encoding: chunked\r\n\r\n")?,
                false => out.write_all(format!("Content-Length: {bytes}\r\n\r\n").as_bytes())?,
            }
            for _ in 0..bytes / piece.len() as u64 {
                if in_chunks {
                    out.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
                }
                out.write_all(&piece)?;
                if in_chunks {
                    out.write_all(b"\r\n")?;
                }
            }
            if in_chunks {
                out.write_all(b"0\r\n\r\n")?;
            }
            Ok(true)
        }
        Say::Drip(gap) => {
            out.write_all(HEAD)?;
            out.write_all(b"Content-Length: 100000\r\n\r\n")?;
            while !stopped.load(Ordering::SeqCst) {
                out.write_all(b" ")?;
                std::thread::sleep(gap);
            }
            Ok(false)
        }
        Say::Silence => {
            let mut nothing = [0];
            let _ = out.read(&mut nothing);
            Ok(false)
        }
        Say::After(wait, say) => {
            std::thread::sleep(wait);
            speak(*say, out, stopped)
        }
    }
}
