//! Windows event log files.
//!
//! An EVTX file is a header of 4 KiB and chunks of 64 KiB, each complete in
//! itself. They are read one after the other, so a file of any size, inside an
//! archive or on a pipe, needs the memory of one chunk, and a damaged chunk
//! costs only its own records. Chunks beyond the number that the header gives
//! are read too: the header of a log that was in use is behind.

use std::io::Read;
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use super::Meter;
use crate::json::Json;
use crate::scan::{Scanner, Sink};
use crate::stream::Stream;

const HEADER: usize = 4096;
const CHUNK: usize = 65_536;

pub(crate) fn decode(
    scanner: &mut Scanner,
    stream: &mut Stream,
    reader: &mut dyn Read,
    meter: &Meter,
    sink: &mut dyn Sink,
) {
    let settings = Arc::new(ParserSettings::default().indent(false));
    let mut offset = match read_up_to(reader, HEADER) {
        Ok(header) if header.len() == HEADER => HEADER,
        Ok(_) | Err(_) => {
            damaged(stream, 0, "the file ends within its header", sink);
            return;
        }
    };
    loop {
        let mut data = match read_up_to(reader, CHUNK) {
            Ok(data) => data,
            Err(error) => {
                damaged(stream, offset, &format!("cannot be read further: {error}"), sink);
                return;
            }
        };
        if data.is_empty() {
            return;
        }
        let length = data.len();
        if data.iter().any(|byte| *byte != 0) {
            if length < CHUNK {
                damaged(stream, offset, "the file ends within this chunk", sink);
                data.resize(CHUNK, 0);
            }
            chunk(scanner, stream, data, offset, &settings, sink);
        }
        offset += length;
        meter.tell(sink);
    }
}

fn damaged(stream: &mut Stream, offset: usize, what: &str, sink: &mut dyn Sink) {
    stream.problem(
        "evtx",
        format!("byte {offset}"),
        what.to_owned(),
        "the records before and after are read; copy the log again, or export it with `wevtutil epl`",
        sink,
    );
}

fn chunk(
    scanner: &mut Scanner,
    stream: &mut Stream,
    data: Vec<u8>,
    offset: usize,
    settings: &Arc<ParserSettings>,
    sink: &mut dyn Sink,
) {
    let parsed = EvtxChunkData::new(data, false);
    let mut data = match parsed {
        Ok(data) => data,
        Err(error) => {
            damaged(stream, offset, &format!("no event log chunk: {error}"), sink);
            return;
        }
    };
    let mut chunk = match data.parse(Arc::clone(settings)) {
        Ok(chunk) => chunk,
        Err(error) => {
            damaged(stream, offset, &format!("a damaged chunk: {error}"), sink);
            return;
        }
    };
    let mut bad = 0_u64;
    let mut first = String::new();
    for record in chunk.iter() {
        match record.and_then(|record| record.into_json_bytes()) {
            Ok(record) => match Json::parse(&record.data) {
                Ok(json) => scanner.value(stream, &json, sink),
                Err(error) => note(&mut bad, &mut first, &error),
            },
            Err(error) => note(&mut bad, &mut first, &error),
        }
    }
    if bad > 0 {
        damaged(
            stream,
            offset,
            &format!("{bad} records of this chunk cannot be read; the first: {first}"),
            sink,
        );
    }
}

fn note(bad: &mut u64, first: &mut String, error: &dyn std::fmt::Display) {
    *bad += 1;
    if first.is_empty() {
        *first = error.to_string();
    }
}

/// Reads `most` bytes, fewer only at the end.
fn read_up_to(reader: &mut dyn Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::with_capacity(most);
    reader.take(most as u64).read_to_end(&mut data)?;
    Ok(data)
}
