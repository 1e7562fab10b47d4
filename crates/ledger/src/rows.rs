//! Reading a ledger's file without being its writer.

use std::path::Path;

use cordon_model::record::Entry;
use rusqlite::{Connection, OpenFlags};

use crate::chain::{Head, Row, hex};
use crate::error::LedgerError;

/// Reads the entries of a ledger from a position on, while another process may be writing it.
///
/// # Errors
/// When the file is no ledger, or an entry in it cannot be read.
pub fn read_file(path: &Path, from: u64) -> Result<Vec<Entry>, LedgerError> {
    let connection = open_read_only(path)?;
    read(&connection, path, from)
}

/// Opens for reading; a ledger on a medium that cannot be written is taken as it lies.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, LedgerError> {
    if !path.is_file() {
        return Err(LedgerError::damaged(path, "there is no such file"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let probe = |connection: Connection| {
        connection.query_row("SELECT count(*) FROM head", [], |_| Ok(())).map(|()| connection)
    };
    Connection::open_with_flags(path, flags)
        .and_then(probe)
        .or_else(|_| {
            let escaped = path.to_string_lossy().replace('%', "%25");
            let escaped = escaped.replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{escaped}?immutable=1");
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(uri, flags).and_then(probe)
        })
        .map_err(LedgerError::sqlite(path))
}

pub(crate) fn read(
    connection: &Connection,
    path: &Path,
    from: u64,
) -> Result<Vec<Entry>, LedgerError> {
    let mut entries = Vec::new();
    each_row(connection, path, from, |row| {
        entries.push(entry(path, &row)?);
        Ok(())
    })?;
    Ok(entries)
}

/// Reads what a row says.
pub(crate) fn entry(path: &Path, row: &Row) -> Result<Entry, LedgerError> {
    let damaged = |what: String| LedgerError::damaged(path, format!("entry {}: {what}", row.seq));
    let body = serde_json::from_str(&row.body).map_err(|error| damaged(error.to_string()))?;
    let time = row.time.parse().map_err(|error: jiff::Error| damaged(error.to_string()))?;
    Ok(Entry { seq: row.seq, time, version: row.version, body })
}

/// Visits the stored rows in the order of their positions.
pub(crate) fn each_row(
    connection: &Connection,
    path: &Path,
    from: u64,
    mut visit: impl FnMut(Row) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let sql = "SELECT seq, time, version, body, prev, hash FROM entry WHERE seq >= ?1 ORDER BY seq";
    let mut statement = connection.prepare(sql).map_err(LedgerError::sqlite(path))?;
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut rows = statement.query([from]).map_err(LedgerError::sqlite(path))?;
    while let Some(row) = rows.next().map_err(LedgerError::sqlite(path))? {
        let read = || -> rusqlite::Result<Row> {
            Ok(Row {
                seq: row.get(0)?,
                time: row.get(1)?,
                version: row.get(2)?,
                body: row.get(3)?,
                prev: row.get(4)?,
                hash: row.get(5)?,
            })
        };
        visit(read().map_err(LedgerError::sqlite(path))?)?;
    }
    Ok(())
}

/// The newest signed head.
pub(crate) fn newest_head(
    connection: &Connection,
    path: &Path,
) -> Result<Option<Head>, LedgerError> {
    let sql = "SELECT seq, hash, signature FROM head ORDER BY seq DESC LIMIT 1";
    let found = connection.query_row(sql, [], head_of);
    match found {
        Ok(head) => Ok(Some(head)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(LedgerError::sqlite(path)(error)),
    }
}

fn head_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    let (hash, signature): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
    Ok(Head { seq: row.get(0)?, hash: hex(&hash), signature: hex(&signature) })
}

/// All signed heads in the order of their positions.
pub(crate) fn heads(connection: &Connection, path: &Path) -> Result<Vec<Head>, LedgerError> {
    let sql = "SELECT seq, hash, signature FROM head ORDER BY seq";
    let read = |connection: &Connection| -> rusqlite::Result<Vec<Head>> {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], head_of)?;
        rows.collect()
    };
    read(connection).map_err(LedgerError::sqlite(path))
}
