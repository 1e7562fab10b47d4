//! What the tests with real systems share: folders, the program, and questions to its ledger.

pub(crate) mod parts;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use cordon_execute::{Stage, State};
use cordon_ledger::{paths, read_file};
use cordon_model::record::{Entry, Record, Transition};
use tempfile::TempDir;

/// A configuration folder and a data folder for the program.
pub(crate) struct Folders {
    root: TempDir,
}

impl Folders {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("cordon-real").tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("config/estate")).unwrap();
        Self { root }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.path().join("config")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(crate) fn hand(&self) -> PathBuf {
        self.data().join("hand")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.config().join(name), text).unwrap();
    }

    pub(crate) fn secret(&self, name: &str, text: &str) {
        let file = self.config().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The program with the folders as arguments.
    pub(crate) fn cordon(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command.args(args).arg("--config").arg(self.config()).arg("--data").arg(self.data());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.cordon(args).output().unwrap()
    }

    /// Makes a plan against footholds and keeps it in a file.
    pub(crate) fn plan(&self, footholds: &[String]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command.arg("plan").arg("--config").arg(self.config()).args(["--format", "json"]);
        for foothold in footholds {
            command.args(["--foothold", foothold]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        let file = self.root.path().join("plan.json");
        std::fs::write(&file, output.stdout).unwrap();
        file.to_string_lossy().into_owned()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        read_file(&paths(&self.data()).ledger, 1).unwrap()
    }

    /// The ledger's meaning; panics where an entry is lost, doubled or out of place.
    pub(crate) fn state(&self) -> State {
        let entries = self.entries();
        for (entry, seq) in entries.iter().zip(1..) {
            assert_eq!(entry.seq, seq, "an entry is missing or doubled");
        }
        let state = State::fold(&entries);
        assert_eq!(state.oddities, [], "an entry cannot follow what came before");
        let mut attempts = std::collections::BTreeSet::new();
        let mut lives = 0;
        for entry in &entries {
            match &entry.body {
                Record::Raise(_) => lives += 1,
                Record::Withdrawal(moved) => {
                    if let Transition::Requested { attempt, .. }
                    | Transition::Lifting { attempt, .. } = &moved.transition
                    {
                        let key = (lives, moved.withdrawal.clone(), *attempt);
                        assert!(attempts.insert(key.clone()), "{key:?} stands twice");
                    }
                }
                _ => {}
            }
        }
        state
    }

    pub(crate) fn all(&self, stages: &[Stage]) -> bool {
        self.state().standings.values().all(|standing| stages.contains(&standing.stage))
    }

    /// Both ledgers are whole.
    pub(crate) fn verify(&self) {
        for folder in [self.data(), self.hand()] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
            let output = command.args(["ledger", "verify", "--data"]).arg(folder).output().unwrap();
            assert!(output.status.success(), "{}", words(&output));
        }
    }
}

pub(crate) fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
