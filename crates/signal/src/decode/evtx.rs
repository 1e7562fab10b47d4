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
use crate::scan::desk::{Books, Desk};
use crate::scan::feed::Feed;
use crate::scan::found::{Found, Trouble};
use crate::scan::queue::Chunk;

const HEADER: usize = 4096;
const CHUNK: usize = 65_536;

pub(crate) fn decode(feed: &mut Feed<'_>, reader: &mut dyn Read, meter: &Meter) {
    let (header, error) = read_up_to(reader, HEADER);
    let mut offset = header.len();
    if offset < HEADER {
        let what = error.map_or("the file ends within its header".to_owned(), |e| e.to_string());
        return tell(feed, damaged(0, what));
    }
    loop {
        let (mut data, error) = read_up_to(reader, CHUNK);
        let length = data.len();
        if data.iter().any(|byte| *byte != 0) {
            data.resize(CHUNK, 0);
            feed.chunk(Chunk { data, offset, length });
        }
        offset += length;
        feed.progress(meter);
        if let Some(error) = error {
            return tell(feed, damaged(offset, format!("cannot be read further: {error}")));
        }
        if length < CHUNK {
            return;
        }
    }
}

fn tell(feed: &mut Feed<'_>, Trouble { sort, place, what, remedy, .. }: Trouble) {
    feed.trouble(sort, place, what, remedy);
}

fn damaged(offset: usize, what: String) -> Trouble {
    Trouble {
        sort: "evtx",
        place: format!("byte {offset}"),
        what,
        remedy: "the records before and after are read; copy the log again, or export it with `wevtutil epl`",
        counts: false,
    }
}

/// Reads the records of a chunk.
pub(crate) fn chunk(books: &Books, desk: &mut Desk, chunk: Chunk, found: &mut Vec<Found>) {
    let Chunk { data, offset, length } = chunk;
    let trouble = records(books, desk, data, found).err();
    let trouble = match (length < CHUNK, trouble) {
        (true, _) => Some("the file ends within this chunk".to_owned()),
        (false, trouble) => trouble,
    };
    found.extend(trouble.map(|what| Found::Trouble(damaged(offset, what))));
}

/// Reads the records of a chunk. The error tells what could not be read of it.
fn records(
    books: &Books,
    desk: &mut Desk,
    data: Vec<u8>,
    found: &mut Vec<Found>,
) -> Result<(), String> {
    let settings = Arc::new(ParserSettings::default().indent(false));
    let mut data =
        EvtxChunkData::new(data, false).map_err(|error| format!("no event log chunk: {error}"))?;
    let mut chunk = data.parse(settings).map_err(|error| format!("a damaged chunk: {error}"))?;
    let mut bad = 0_u64;
    let mut first = None;
    for record in chunk.iter() {
        let read = record.and_then(|record| record.into_json_bytes());
        let told = match &read {
            Ok(record) => Json::parse(&record.data)
                .map(|json| desk.value(books, &json, found))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = told {
            bad += 1;
            first.get_or_insert(error);
        }
    }
    match first {
        None => Ok(()),
        Some(first) => {
            Err(format!("{bad} records of this chunk cannot be read; the first: {first}"))
        }
    }
}

/// Reads `most` bytes, fewer at the end of the stream or where it fails.
fn read_up_to(reader: &mut dyn Read, most: usize) -> (Vec<u8>, Option<std::io::Error>) {
    let mut data = Vec::with_capacity(most);
    let error = reader.take(most as u64).read_to_end(&mut data).err();
    (data, error)
}
