//! The peers that are programs of their own: built when the driver starts, by what the machine has.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use peers_work::{Report, Task};

/// A peer with a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// In C, by `cc`.
    Libnftnl,
    /// The crate, by cargo.
    Nftnl,
    /// The crate, by cargo.
    Rustables,
    /// In Go, by `go`, with Debian's packages.
    Google,
}

/// Where Debian puts Go's packages.
const GOPATH: &str = "/usr/share/gocode";

fn source(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(part)
}

fn directory() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    own.parent().map(Path::to_owned).context("the directory of this program")
}

/// Runs a command; what it says if it fails is the error.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{name} is not installed"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let telling = text.lines().find(|line| line.contains("error") || line.contains("cannot find"));
        let line = telling.or_else(|| text.lines().last()).unwrap_or_default();
        let name =
            Path::new(&name).file_name().map_or_else(|| name.clone(), |name| name.to_string_lossy().into_owned());
        bail!("{name}: {} ({})", line.trim(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of a crate that is built here.
///
/// # Errors
///
/// If there is no `Cargo.lock`.
pub fn locked_version(of: &str) -> Result<String> {
    let lock = std::fs::read_to_string(source("Cargo.lock")).context("Cargo.lock")?;
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{of}\"\n")));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
    Ok(version.unwrap_or("of unknown version").to_owned())
}

/// Lets a child end when this process does, whatever ends it.
pub fn with_parent(command: &mut Command) {
    // SAFETY: between fork and exec there is one call of the system.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

impl Program {
    fn file(self) -> &'static str {
        match self {
            Self::Libnftnl => "peer-libnftnl",
            Self::Nftnl => "peer-nftnl",
            Self::Rustables => "peer-rustables",
            Self::Google => "peer-google-nftables",
        }
    }

    /// What it takes to build it.
    pub fn packages(self) -> &'static str {
        match self {
            Self::Libnftnl => "gcc libc6-dev pkg-config libnftnl-dev libmnl-dev",
            Self::Nftnl => "gcc pkg-config libnftnl-dev libmnl-dev",
            Self::Rustables => "clang libclang-dev linux-libc-dev",
            Self::Google => "golang-go golang-github-google-nftables-dev",
        }
    }

    fn path(self) -> Result<PathBuf> {
        directory().map(|directory| directory.join(self.file()))
    }

    /// Builds it, and returns its version.
    ///
    /// # Errors
    ///
    /// Why it cannot be built.
    pub fn build(self) -> Result<String> {
        match self {
            Self::Libnftnl => {
                let flags = output(Command::new("pkg-config").args(["--cflags", "--libs", "libnftnl", "libmnl"]))?;
                let mut cc = Command::new("cc");
                cc.args(["-O2", "-o"]).arg(self.path()?).arg(source("c/libnftnl.c"));
                output(cc.args(flags.split_whitespace()))?;
                output(Command::new("pkg-config").args(["--modversion", "libnftnl"]))
            }
            Self::Nftnl => self.by_cargo("nftnl"),
            Self::Rustables => self.by_cargo("rustables"),
            Self::Google => {
                let mut go = Command::new("go");
                go.env("GO111MODULE", "off").env("GOPATH", GOPATH).env("GOFLAGS", "");
                go.env("GOCACHE", directory()?.join("go-cache"));
                output(go.args(["build", "-o"]).arg(self.path()?).arg(source("go/main.go")))?;
                let package = "golang-github-google-nftables-dev";
                let version = output(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]));
                Ok(version.unwrap_or_else(|_| "of unknown version".to_owned()))
            }
        }
    }

    fn by_cargo(self, of: &str) -> Result<String> {
        let (manifest, directory) = (source("Cargo.toml"), directory()?);
        let cargo = || {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.env("CARGO_TARGET_DIR", directory.parent().unwrap_or(&directory));
            cargo
        };
        let mut build = cargo();
        output(build.args(["build", "--release", "--locked", "-p", self.file(), "--manifest-path"]).arg(&manifest))?;
        locked_version(of)
    }

    /// Runs it in this namespace.
    ///
    /// # Errors
    ///
    /// What it says when it fails.
    pub fn run(self, task: Task) -> Result<Report> {
        let mut command = Command::new(self.path()?);
        with_parent(&mut command);
        let text = output(command.args([task.what.to_string(), task.n.to_string()]))?;
        serde_json::from_str(&text).with_context(|| format!("the report of {}: {text}", self.file()))
    }
}
