//! A libvirt daemon of its own, with tiny emulated domains.
//!
//! It is a session daemon of the user `nobody` with private configuration,
//! sockets and state, so that it touches no hypervisor that the machine may
//! have. Domains have no disk and a few mebibytes; they idle in their firmware.

use std::fs::{self, File};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Missing, find, kill, need, run, wait_for};

/// Tells whether this machine can run the daemon.
///
/// # Errors
/// Says what is missing.
pub fn available() -> std::result::Result<(), Missing> {
    need(&[("libvirtd", "libvirt-daemon-system"), ("virsh", "libvirt-clients")])?;
    need(&[("qemu-system-x86_64", "qemu-system-x86"), ("runuser", "util-linux")])?;
    let is_root = run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let why = "the daemon is started as the user `nobody`, which only root may; run as root";
    if is_root { Ok(()) } else { Err(Missing(why.to_owned())) }
}

/// A running daemon with its domains; all goes when it is dropped.
pub struct Libvirt {
    folder: TempDir,
    daemon: Child,
}

impl Libvirt {
    /// Starts a daemon without domains.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cordon-lv").tempdir()?;
        run(Command::new("chmod").arg("755").arg(folder.path()))?;
        let home = folder.path().join("home");
        for sub in ["", "run", "config", "config/libvirt", "cache"] {
            let made = home.join(sub);
            run(Command::new("install").args(["-d", "-o", "nobody", "-m", "700"]).arg(made))?;
        }
        // Output of domains goes to files, so that no second daemon is needed.
        fs::write(home.join("config/libvirt/qemu.conf"), "stdio_handler = \"file\"\n")?;
        run(Command::new("chown").arg("-R").arg("nobody").arg(home.join("config")))?;
        let daemon = find("libvirtd").ok_or_else(|| Error::other("no libvirtd"))?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new("runuser");
        command.args(["-u", "nobody", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        for (name, sub) in [
            ("HOME", ""),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.arg(format!("{name}={}", home.join(sub).display()));
        }
        command.arg(daemon).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let daemon = command.current_dir("/").spawn()?;
        let libvirt = Self { folder, daemon };
        wait_for("libvirtd", 30, || libvirt.virsh(&["list"]).is_ok())?;
        Ok(libvirt)
    }

    fn run_folder(&self) -> PathBuf {
        self.folder.path().join("home/run/libvirt")
    }

    /// The address of the daemon for `virsh -c`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("qemu+unix:///session?socket={}", self.run_folder().join("libvirt-sock").display())
    }

    /// A private folder for files of the test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `virsh` against the daemon.
    ///
    /// # Errors
    /// When the command fails.
    pub fn virsh(&self, args: &[&str]) -> Result<String> {
        run(Command::new("virsh").args(["-q", "-c", &self.uri()]).args(args))
    }

    /// Defines and starts a domain.
    ///
    /// # Errors
    /// When it does not start.
    pub fn domain(&self, name: &str) -> Result<()> {
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><memory unit='MiB'>4</memory><vcpu>1</vcpu>\
             <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
             <emulator>/usr/bin/qemu-system-x86_64</emulator><video><model type='none'/></video>\
             <memballoon model='none'/></devices></domain>"
        );
        let file = self.folder.path().join(format!("{name}.xml"));
        fs::write(&file, xml)?;
        self.virsh(&["define", &file.display().to_string()])?;
        self.virsh(&["start", name]).map(drop)
    }

    /// Every domain with its state and its whole description, but for the reason of a state,
    /// which is another after each change.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<String> {
        let mut state = self.virsh(&["domstats", "--state", "--raw"])?;
        let names = self.virsh(&["list", "--all", "--name"])?;
        for name in names.lines().filter(|name| !name.is_empty()) {
            state += &self.virsh(&["dumpxml", name])?;
        }
        let lasting = |line: &&str| !line.contains("state.reason=");
        Ok(state.lines().filter(lasting).fold(String::new(), |text, line| text + line + "\n"))
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        let names = self.virsh(&["list", "--name"]).unwrap_or_default();
        for name in names.lines().filter(|name| !name.is_empty()) {
            drop(self.virsh(&["destroy", name]));
        }
        kill(&self.run_folder().join("libvirtd.pid"));
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}
