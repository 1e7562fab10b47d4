//! `cordon hand`: the process that holds the connectors' secrets.
//!
//! It listens on a socket for the users that it is told of, or speaks with the
//! process that started it. With `--release` it lifts what a bundle holds, with
//! nothing else running.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use cordon_hand::serve::Feed;
use cordon_hand::{Hand, bundle};
use cordon_ledger::{paths, read_public_key};

use crate::commands::{load_estate, print};
use crate::failure::bad_input;
use crate::text::count;
use crate::{exit, rules};

/// How long another hand may take to end: a little more than its longest call.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(crate) struct HandArgs {
    /// The hand's own copy of the configuration
    #[arg(long, value_name = "FOLDER")]
    config: PathBuf,
    /// The hand's own data folder
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Listen on this socket
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stdio", "release"])]
    socket: Option<PathBuf>,
    /// Number of a user who may connect, beside the hand's own and root
    #[arg(long, value_name = "UID", requires = "socket")]
    allow_user: Vec<u32>,
    /// Speak over standard input and output with whoever started it
    #[arg(long, conflicts_with = "release")]
    stdio: bool,
    /// Give back everything that this bundle holds, and end
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// Who releases it
    #[arg(long, value_name = "NAME", requires = "release")]
    by: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &HandArgs) -> anyhow::Result<u8> {
    let loaded = load_estate(&args.config)?;
    let sites = rules::sites(&loaded, &args.config, &args.data)?;
    wait_for_another(&args.data);
    let hand = Hand::open(&args.data, rules::rules(&loaded)?, sites)
        .context("cannot open the hand's ledger")?;
    match (&args.socket, &args.release) {
        (_, Some(file)) => release(hand, args, file),
        (Some(socket), None) => {
            listen(&hand.feed(), socket, args.allow_user.clone())?;
            hand.run();
            Ok(exit::DONE)
        }
        (None, None) if args.stdio => {
            let feed = hand.feed();
            thread::spawn(move || {
                feed.serve(1, std::io::stdin(), Box::new(std::io::stdout()));
                feed.stop();
            });
            hand.run();
            Ok(exit::DONE)
        }
        (None, None) => Err(bad_input(
            "say how the hand is reached: `--socket FILE`, `--stdio`, or `--release BUNDLE`",
        )),
    }
}

/// Waits for a hand that is about to end: one whose program was killed finishes its calls first.
fn wait_for_another(data: &Path) {
    let end = Instant::now() + PATIENCE;
    while cordon_ledger::is_locked(data) && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Takes connections of the users that may make them.
fn listen(feed: &Feed, socket: &Path, mut allowed: Vec<u32>) -> anyhow::Result<()> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(format!("cannot replace `{}`", socket.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen on `{}`", socket.display()))?;
    // Who connects is checked by the system's word on the other end, whatever the file's mode.
    fs::set_permissions(socket, fs::Permissions::from_mode(0o666))
        .with_context(|| format!("cannot open `{}` to others", socket.display()))?;
    allowed.extend([0, cordon_hand::peer::own_user()]);
    let feed = feed.clone();
    thread::spawn(move || {
        for (stream, id) in listener.incoming().zip(1..) {
            let Ok(stream) = stream else { continue };
            accept(&feed, stream, id, &allowed);
        }
    });
    Ok(())
}

fn accept(feed: &Feed, stream: UnixStream, id: u64, allowed: &[u32]) {
    match cordon_hand::peer::user_of(&stream) {
        Ok(user) if allowed.contains(&user) => {
            let Ok(out) = stream.try_clone() else { return };
            let feed = feed.clone();
            thread::spawn(move || feed.serve(id, stream, Box::new(out)));
        }
        Ok(user) => tracing::warn!("user {user} may not speak with the hand"),
        Err(error) => tracing::warn!("whoever connected cannot be told: {error}"),
    }
}

fn release(mut hand: Hand, args: &HandArgs, file: &Path) -> anyhow::Result<u8> {
    let key =
        read_public_key(&paths(&args.data).public_key).context("cannot read the hand's key")?;
    let bundle = bundle::open(file, &key).map_err(|error| bad_input(error.to_string()))?;
    print(&format!(
        "{}: {} to give back, as of {}\n",
        bundle.estate,
        count(bundle.entries.len(), "withdrawal", "withdrawals"),
        bundle.made
    ))?;
    let by = args.by.clone().unwrap_or_else(|| "somebody with the hand's key".to_owned());
    let mut failed = 0_usize;
    bundle::release(&mut hand, &bundle, &by, |released| {
        failed += usize::from(!released.done);
        let mark = if released.done { "lifted" } else { "NOT lifted" };
        // A closed pipe must not keep the next from being lifted.
        drop(print(&format!("  {mark:<10} {}  {}\n", released.withdrawal, released.what)));
    })
    .context("the hand's ledger cannot be written; nothing was lifted")?;
    print(&match failed {
        0 => "Everything is given back.\n".to_owned(),
        _ => format!(
            "{} not given back; repair what is named above and run it again.\n",
            count(failed, "withdrawal is", "withdrawals are")
        ),
    })?;
    Ok(match failed {
        0 => exit::DONE,
        all if all == bundle.entries.len() => exit::FAILED,
        _ => exit::PARTLY,
    })
}
