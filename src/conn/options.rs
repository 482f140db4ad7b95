//! How a connection is opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

use super::Conn;
use super::socket::{HERE, NamespaceId, NetlinkSocket};
use crate::engine::Transport;
use crate::error::{Errno, Error, IoError};

/// Where `ip netns` keeps the namespaces that have names.
const NAMED: &str = "/run/netns";

/// The receive buffer asked for where nothing else is: room for the refusals of thousands of
/// operations. The kernel takes memory only for what is queued.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// Says how a connection is opened: in which namespace, with which buffers.
///
/// ```no_run
/// use nftlink::Conn;
///
/// let mut blue = Conn::options().namespace("blue").open()?;
/// # Ok::<(), nftlink::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "options open nothing until `open` is called"]
pub struct ConnOptions {
    namespace: Option<Namespace>,
    send_buffer: usize,
    receive_buffer: Option<usize>,
}

#[derive(Debug)]
enum Namespace {
    Fd(io::Result<OwnedFd>),
    Path(PathBuf),
    BadName(String),
    /// That of the thread which said so: entered, which takes a privilege, only from others.
    Pinned(OwnedFd),
}

impl ConnOptions {
    /// The calling thread's namespace, buffers as they are needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the connection in the network namespace that a file descriptor refers to, as one of
    /// `/proc/PID/ns/net`.
    pub fn namespace_fd(mut self, fd: BorrowedFd<'_>) -> Self {
        self.namespace = Some(Namespace::Fd(fd.try_clone_to_owned()));
        self
    }

    /// Opens the connection in the network namespace that a file refers to, as
    /// `/proc/PID/ns/net`.
    pub fn namespace_path(mut self, path: impl AsRef<Path>) -> Self {
        self.namespace = Some(Namespace::Path(path.as_ref().into()));
        self
    }

    /// Opens the connection in the network namespace that `ip netns` keeps by that name.
    pub fn namespace(mut self, name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        let plain = Path::new(name).file_name() == Some(name);
        self.namespace = Some(match plain {
            true => Namespace::Path(Path::new(NAMED).join(name)),
            false => Namespace::BadName(name.to_string_lossy().into_owned()),
        });
        self
    }

    /// Makes room for batches of that many bytes at once; else it is made when a batch needs it.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Makes room for that many bytes of answers, or of events for a [`Monitor`](crate::monitor::Monitor) or a
    /// [`Tracer`](crate::trace::Tracer), instead of 8 MiB: as far as the system permits (without `CAP_NET_ADMIN` over
    /// the machine, as in a user namespace, up to `net.core.rmem_max`), and never less than the system's default.
    ///
    /// What answers do not fit when the kernel refuses very many operations is not told, but never taken for success.
    /// What events do not fit is told as an [overrun](crate::monitor::Overrun).
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Opens the connection. A namespace is entered on a thread made for it, which then ends: the
    /// calling thread stays where it is.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`] if the namespace does not exist (`is_not_found`) or may not be entered
    ///   (`is_permission_denied`: it takes `CAP_SYS_ADMIN`), or the socket cannot be opened.
    /// - [`Error::TooLarge`] if the send buffer asked for is larger than the system permits.
    pub fn open(self) -> Result<Conn, Error> {
        self.socket(&[]).map(Conn::new)
    }

    /// Holds on to the namespace as it is called now, so that all that is opened by copies of these options is in the
    /// same one.
    pub(crate) fn pinned(self) -> Result<Self, Error> {
        let namespace = match self.namespace {
            // Without /proc the thread has to stay where it is.
            None => File::open(HERE).ok().map(|file| Namespace::Pinned(file.into())),
            Some(Namespace::Path(path)) => {
                let text = format!("opening network namespace {}", path.display());
                Some(Namespace::Fd(Ok(File::open(path).map_err(|error| io_error(&text, &error))?.into())))
            }
            named => named,
        };
        Ok(Self { namespace, ..self })
    }

    /// The same options for a connection more. Of those that were not [pinned](Self::pinned), the namespace may be
    /// another by then.
    pub(crate) fn again(&self) -> Result<Self, Error> {
        let copy = |fd: &OwnedFd| fd.try_clone();
        let namespace = match &self.namespace {
            None => None,
            Some(Namespace::Fd(Ok(fd))) => Some(Namespace::Fd(copy(fd))),
            Some(Namespace::Fd(Err(error))) => Some(Namespace::Fd(Err(io::Error::from(error.kind())))),
            Some(Namespace::Path(path)) => Some(Namespace::Path(path.clone())),
            Some(Namespace::BadName(name)) => Some(Namespace::BadName(name.clone())),
            Some(Namespace::Pinned(fd)) => {
                Some(Namespace::Pinned(copy(fd).map_err(|error| io_error("copying a file descriptor", &error))?))
            }
        };
        Ok(Self { namespace, send_buffer: self.send_buffer, receive_buffer: self.receive_buffer })
    }

    /// Opens a socket that takes what the kernel tells to multicast groups.
    pub(crate) fn socket(self, groups: &'static [u32]) -> Result<NetlinkSocket, Error> {
        let mut socket = match self.namespace {
            None => socket(groups)?,
            Some(Namespace::Pinned(fd)) if is_here(fd.as_fd()) => socket(groups)?,
            Some(namespace) => in_namespace(namespace, groups)?,
        };
        socket.reserve_receive(self.receive_buffer.unwrap_or(RECEIVE_BUFFER));
        socket
            .reserve_send(self.send_buffer)
            .map_err(|error| Error::TooLarge { needed: error.needed, limit: error.limit })?;
        Ok(socket)
    }
}

fn socket(groups: &[u32]) -> Result<NetlinkSocket, Error> {
    let doing = match groups {
        [] => "opening a netlink socket",
        _ => "joining a multicast group, which takes CAP_NET_ADMIN over the network namespace",
    };
    NetlinkSocket::open(groups).map_err(|error| io_error(doing, &error))
}

/// Whether the calling thread is in that namespace.
fn is_here(namespace: BorrowedFd<'_>) -> bool {
    let there = namespace.try_clone_to_owned().and_then(|fd| File::from(fd).metadata()).ok();
    there.is_some_and(|there| NamespaceId::current() == Some(NamespaceId::of(&there)))
}

fn in_namespace(namespace: Namespace, groups: &'static [u32]) -> Result<NetlinkSocket, Error> {
    let (fd, text) = match namespace {
        Namespace::Fd(fd) => (fd, "the network namespace of a file descriptor".to_owned()),
        Namespace::Pinned(fd) => (Ok(fd), "the network namespace of another thread".to_owned()),
        Namespace::Path(path) => (File::open(&path).map(Into::into), format!("network namespace {}", path.display())),
        Namespace::BadName(name) => {
            let doing = format!("network namespace {name:?}: not a name").into();
            return Err(Error::Io(IoError { doing, errno: Errno::EINVAL }));
        }
    };
    let fd = fd.map_err(|error| io_error(&format!("opening {text}"), &error))?;
    let opened = std::thread::Builder::new()
        .name("nftlink-netns".to_owned())
        .spawn(move || {
            setns(fd, CloneFlags::CLONE_NEWNET).map_err(|errno| {
                let doing = format!("entering {text}").into();
                Error::Io(IoError { doing, errno: Errno::from_nix(errno) })
            })?;
            socket(groups)
        })
        .map_err(|error| io_error("starting a thread", &error))?
        .join();
    // The thread does nothing that panics.
    opened.unwrap_or_else(|_| Err(io_error("entering a network namespace", &io::Error::other("panic"))))
}

fn io_error(doing: &str, error: &io::Error) -> Error {
    Error::Io(IoError { doing: doing.into(), errno: error.into() })
}
