//! A laboratory for packet filters: private network namespaces, links between them, and real packets.
//!
//! The example programs and the tests share it. Nothing here reaches the machine's own network: all
//! of it lives in namespaces, which the kernel removes together with the process.
//!
//! ```ignore
//! lab::enter()?; // first of all in main
//! let (client, server) = (Namespace::current()?, Namespace::new()?);
//! lab::veth((&client, "eth0"), (&server, "eth0"))?;
//! client.address("eth0", [10, 0, 0, 1], 24)?;
//! server.address("eth0", [10, 0, 0, 2], 24)?;
//!
//! let echo = Server::udp(&server, ([10, 0, 0, 2], 53))?;
//! let client = Client::udp(&client, ([10, 0, 0, 1], 0))?;
//! assert!(client.ask(echo.address()).passed());
//! ```

#![allow(dead_code, reason = "each program uses only a part of the laboratory")]
#![allow(unreachable_pub, reason = "a module of programs, written as the small library it is")]

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{
    self, AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::{getegid, geteuid};
use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{LinkBridge, LinkUnspec, LinkVeth, RouteMessageBuilder};

mod stream;

#[allow(unused_imports, reason = "each program uses only a part of the laboratory")]
pub use stream::{Flow, Stream};

/// How long a [`Client`] waits for an answer unless told otherwise.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// How soon a [`Server`] notices that it is to stop.
const TICK: Duration = Duration::from_millis(20);

/// How long the kernel may take to make a new link or address usable.
const SETTLE: Duration = Duration::from_secs(5);

/// What the laboratory failed to do, and why.
#[derive(Clone)]
pub struct LabError(String);

impl LabError {
    fn new(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A `main` that returns this error prints it with Debug; its reader wants the sentence.
impl fmt::Debug for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LabError {}

// ---- namespaces ----

/// Moves the process into a network namespace of its own, where `lo` is up and nothing else is.
///
/// Call it first in `main`, while the process has one thread: a user namespace, which is what a
/// process without root needs, cannot be entered later.
///
/// # Errors
///
/// If the kernel forbids it. The error names the call and the settings that decide.
pub fn enter() -> Result<(), LabError> {
    match isolate() {
        // Not privileged, or root of a container only. In a user namespace we have all rights.
        Err(Errno::EPERM) => enter_user_namespace()?,
        Err(errno) => return Err(forbidden("unshare(CLONE_NEWNET)", &errno)),
        Ok(()) => {}
    }
    Namespace::current()?.up("lo")
}

/// Moves the calling thread, and the threads it will start, into a new network namespace.
///
/// # Errors
///
/// If the thread has no right to; see [`enter`].
pub fn isolate_thread() -> Result<(), LabError> {
    isolate().map_err(|errno| LabError::new("unshare(CLONE_NEWNET)", errno))?;
    Namespace::current()?.up("lo")
}

fn isolate() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)
}

fn enter_user_namespace() -> Result<(), LabError> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| forbidden("unshare(CLONE_NEWUSER | CLONE_NEWNET)", &errno))?;
    let files = [
        // Whoever may not set groups freely may map one only after giving up setgroups(2).
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (path, text) in files {
        fs::write(path, text).map_err(|error| forbidden(&format!("writing {path}"), &error))?;
    }
    Ok(())
}

/// Explains why there is no user namespace, with the settings that may be the cause.
fn forbidden(call: &str, error: &dyn fmt::Display) -> LabError {
    let settings = [
        "kernel.unprivileged_userns_clone",
        "kernel.apparmor_restrict_unprivileged_userns",
        "user.max_user_namespaces",
        "user.max_net_namespaces",
    ]
    .map(|name| {
        let value = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/")));
        format!("{name} ({})", value.as_deref().map_or("absent", str::trim))
    });
    LabError(format!(
        "{call} failed: {error}; this program needs root, or a user namespace of its own, entered \
         before it starts a thread; look at {}, and at the seccomp filter if this is a container",
        settings.join(", ")
    ))
}

/// A network namespace, which lives at least as long as this value.
#[derive(Debug, Clone)]
pub struct Namespace(Arc<OwnedFd>);

impl Namespace {
    /// Makes a namespace in which `lo` is up.
    ///
    /// # Errors
    ///
    /// If the process has no right to; [`enter`] gives it.
    pub fn new() -> Result<Self, LabError> {
        on_own_thread(|| isolate_thread().and_then(|()| Self::current()))
    }

    /// The namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read.
    pub fn current() -> Result<Self, LabError> {
        let path = "/proc/thread-self/ns/net";
        let file = fs::File::open(path).map_err(|error| LabError::new(path, error))?;
        Ok(Self(Arc::new(file.into())))
    }

    /// Runs `work` in this namespace, on a thread made for it.
    ///
    /// What `work` opens stays in this namespace, whichever thread uses it later.
    ///
    /// # Panics
    ///
    /// If `work` does, with the same payload.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        on_own_thread(|| {
            setns(self, CloneFlags::CLONE_NEWNET).expect("a namespace of this process admits it");
            work()
        })
    }

    /// Brings a link up.
    ///
    /// # Errors
    ///
    /// If there is no such link.
    pub fn up(&self, link: &str) -> Result<(), LabError> {
        let message = LinkUnspec::new_with_name(link).up().build();
        self.rtnetlink(format_args!("ip link set {link} up"), async |netlink| {
            netlink.link().set(message).execute().await
        })
    }

    /// Gives `link` an address, which can be used as soon as this returns.
    ///
    /// # Errors
    ///
    /// If there is no such link, or it has the address already.
    pub fn address(&self, link: &str, address: impl Into<IpAddr>, prefix_len: u8) -> Result<(), LabError> {
        let address = address.into();
        let what = format!("ip address add {address}/{prefix_len} dev {link}");
        let index = self.run(|| if_nametoindex(link)).map_err(|errno| LabError::new(&what, errno))?;
        self.rtnetlink(&what, async |netlink| {
            let mut request = netlink.address().add(index, address, prefix_len);
            if address.is_ipv6() {
                // Duplicate address detection would keep the address unusable for a second.
                request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
            }
            request.execute().await
        })?;
        match address {
            IpAddr::V4(_) => Ok(()),
            // The kernel adds an IPv6 address at once, but its local route from a work queue.
            IpAddr::V6(address) => self.wait_until(&what, || has_local_route(address)),
        }
    }

    /// Sends packets to every network that has no route of its own to `via`.
    ///
    /// # Errors
    ///
    /// If no link of this namespace reaches `via`.
    pub fn default_route(&self, via: impl Into<IpAddr>) -> Result<(), LabError> {
        let via = via.into();
        let route = match via {
            IpAddr::V4(via) => RouteMessageBuilder::<Ipv4Addr>::new().gateway(via).build(),
            IpAddr::V6(via) => RouteMessageBuilder::<Ipv6Addr>::new().gateway(via).build(),
        };
        self.rtnetlink(format_args!("ip route add default via {via}"), async |netlink| {
            netlink.route().add(route).execute().await
        })
    }

    /// Makes the namespace a router, for IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// If `/proc/sys` is read-only, as it is in some containers.
    pub fn forwarding(&self) -> Result<(), LabError> {
        self.sysctl("net/ipv4/ip_forward", "1")?;
        self.sysctl("net/ipv6/conf/all/forwarding", "1")
    }

    /// Writes a setting of this namespace; `name` is its path below `/proc/sys`.
    ///
    /// # Errors
    ///
    /// If there is no such setting, or the kernel refuses the value.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<(), LabError> {
        let path = format!("/proc/sys/{name}");
        self.run(|| fs::write(&path, value))
            .map_err(|error| LabError::new(format_args!("writing {value} to {path}"), error))
    }

    /// Makes one rtnetlink request in this namespace; `what` names it in errors.
    fn rtnetlink(
        &self,
        what: impl fmt::Display,
        request: impl AsyncFnOnce(rtnetlink::Handle) -> Result<(), rtnetlink::Error> + Send,
    ) -> Result<(), LabError> {
        let done = self.run(|| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(async {
                let (connection, netlink, _) = rtnetlink::new_connection()?;
                tokio::spawn(connection);
                Ok(request(netlink).await?)
            })
        });
        done.map_err(|error| LabError::new(what, error))
    }

    fn wait_until(&self, what: impl fmt::Display, mut ready: impl FnMut() -> bool + Send) -> Result<(), LabError> {
        let settled = self.run(|| {
            let deadline = Instant::now() + SETTLE;
            while !ready() {
                if Instant::now() > deadline {
                    return false;
                }
                thread::sleep(Duration::from_millis(1));
            }
            true
        });
        if settled { Ok(()) } else { Err(LabError::new(what, "done, but of no effect yet")) }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Runs `work` on a new thread of the caller's name, so that a panic says whose it is.
fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut builder = thread::Builder::new();
    if let Some(name) = thread::current().name() {
        builder = builder.name(name.to_owned());
    }
    thread::scope(|scope| {
        let thread = builder.spawn_scoped(scope, work).expect("the system can start a thread");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

// ---- links ----

/// Joins two namespaces by a cable, and names its ends; both are up when this returns.
///
/// # Errors
///
/// If a link of that name is there already.
pub fn veth(one: (&Namespace, &str), other: (&Namespace, &str)) -> Result<(), LabError> {
    let what = format!("ip link add {} type veth peer {}", one.1, other.1);
    // Ends of the same number, each the first link of its namespace, would wait up to a second to learn that the other
    // is up: the kernel hurries only for a link that differs from the one it is stacked on.
    static NEXT_INDEX: AtomicU32 = AtomicU32::new(1000);
    let [index, peer_index] = [(); 2].map(|()| NEXT_INDEX.fetch_add(1, Ordering::Relaxed));
    let peer = LinkUnspec::new_with_name(other.1).index(peer_index).setns_by_fd(other.0.as_fd().as_raw_fd());
    let peer = InfoData::Veth(InfoVeth::Peer(peer.build()));
    let pair = LinkVeth::new(one.1, other.1).index(index).set_info_data(peer).build();
    one.0.rtnetlink(&what, async |netlink| netlink.link().add(pair).execute().await)?;
    for (namespace, link) in [one, other] {
        // Without duplicate address detection a link is ready for IPv6 at once; with it, where /proc/sys is read-only,
        // in two seconds.
        let _ = namespace.sysctl(&format!("net/ipv6/conf/{link}/accept_dad"), "0");
        namespace.up(link)?;
    }
    for (namespace, link) in [one, other] {
        namespace.wait_until(&what, || is_running(link) && is_ready_for_ipv6(link))?;
    }
    Ok(())
}

/// Makes a bridge of links that are there, as a switch with these ports; it forwards when this returns.
///
/// # Errors
///
/// If a link of the bridge's name is there already, or a port is not.
pub fn bridge(namespace: &Namespace, name: &str, ports: &[&str]) -> Result<(), LabError> {
    let what = format!("ip link add {name} type bridge");
    let bridge = LinkBridge::new(name).up().build();
    namespace.rtnetlink(&what, async |netlink| netlink.link().add(bridge).execute().await)?;
    let index = namespace.run(|| if_nametoindex(name)).map_err(|errno| LabError::new(&what, errno))?;
    for port in ports {
        let message = LinkUnspec::new_with_name(port).controller(index).build();
        namespace.rtnetlink(format_args!("ip link set {port} master {name}"), async |netlink| {
            netlink.link().set(message).execute().await
        })?;
    }
    namespace.wait_until(&what, || is_running(name))
}

/// Whether the link has noticed that its other end is up; until then it drops what is sent.
fn is_running(link: &str) -> bool {
    getifaddrs()
        .is_ok_and(|mut links| links.any(|l| l.interface_name == link && l.flags.contains(InterfaceFlags::IFF_RUNNING)))
}

/// Whether the link has a valid link-local address, without which a router cannot ask for neighbours, or needs none.
fn is_ready_for_ipv6(link: &str) -> bool {
    const IFA_F_TENTATIVE: u32 = 0x40; // include/uapi/linux/if_addr.h
    let disabled = fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{link}/disable_ipv6"));
    if disabled.map_or(true, |disabled| disabled.trim() != "0") {
        return true;
    }
    let lacks = |flags, flag| u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & flag == 0);
    // Address, index, prefix length, scope, flags, name; all but the name in hexadecimal.
    let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    addresses.lines().any(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [address, _, _, _, flags, name] = fields[..] else { return false };
        name == link && address.starts_with("fe80") && lacks(flags, IFA_F_TENTATIVE)
    })
}

/// Whether packets to this address of ours would be taken for ours.
fn has_local_route(address: Ipv6Addr) -> bool {
    const RTF_LOCAL: u32 = 0x8000_0000; // include/uapi/linux/ipv6_route.h
    let routes = fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap_or_default();
    let to_address = format!("{:032x} 80 ", u128::from(address));
    routes.lines().filter(|route| route.starts_with(&to_address)).any(|route| {
        let flags = route.split_ascii_whitespace().nth(8);
        flags.and_then(|f| u32::from_str_radix(f, 16).ok()).is_some_and(|f| f & RTF_LOCAL != 0)
    })
}

// ---- packets ----

/// What became of a question that a [`Client`] asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It reached a server, whose answer came back; both addresses are what the *server* saw.
    Passed {
        /// Who asked: after source translation.
        client: SocketAddr,
        /// Who answers: after destination translation. A UDP server knows only what it is bound to.
        server: SocketAddr,
    },
    /// No answer came in time.
    Dropped,
    /// Somebody said no, by a TCP reset or an ICMP error, or the local kernel did, by an error.
    Refused(io::ErrorKind),
}

impl Answer {
    /// Whether question and answer both passed.
    pub fn passed(self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    /// The client as the server saw it.
    pub fn client(self) -> Option<SocketAddr> {
        match self {
            Self::Passed { client, .. } => Some(client),
            Self::Dropped | Self::Refused(_) => None,
        }
    }

    /// The server as it saw itself.
    pub fn server(self) -> Option<SocketAddr> {
        match self {
            Self::Passed { server, .. } => Some(server),
            Self::Dropped | Self::Refused(_) => None,
        }
    }

    fn from_text(text: io::Result<String>) -> Self {
        let parse = |text: &str| {
            let (client, server) = text.split_once(' ')?;
            Some(Self::Passed { client: client.parse().ok()?, server: server.parse().ok()? })
        };
        match text {
            Ok(text) => parse(&text).unwrap_or(Self::Refused(io::ErrorKind::InvalidData)),
            Err(error) if is_timeout(&error) => Self::Dropped,
            Err(error) => Self::Refused(error.kind()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { client, server } => write!(f, "passed ({client} to {server})"),
            Self::Dropped => f.write_str("dropped"),
            Self::Refused(kind) => write!(f, "refused ({kind})"),
        }
    }
}

/// A server that answers each question with the addresses it sees, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves UDP at `address`, where port 0 stands for any free one.
    ///
    /// # Errors
    ///
    /// If the namespace does not have the address, or the port is taken.
    pub fn udp(namespace: &Namespace, address: impl Into<SocketAddr>) -> Result<Self, LabError> {
        let address = address.into();
        let start = || -> io::Result<Self> {
            let socket = bind(namespace, || UdpSocket::bind(address))?;
            socket.set_read_timeout(Some(TICK))?;
            let address = socket.local_addr()?;
            Self::start(address, move |peers| {
                let mut question = [0; 64];
                let (length, peer) = socket.recv_from(&mut question)?;
                remember(peers, peer);
                // The question is a number, by which the client tells a late answer from the right one.
                let number = String::from_utf8_lossy(&question[..length]);
                socket.send_to(format!("{number} {peer} {address}").as_bytes(), peer).map(drop)
            })
        };
        start().map_err(|error| LabError::new(format_args!("a UDP server at {address}"), error))
    }

    /// Serves TCP at `address`, where port 0 stands for any free one.
    ///
    /// # Errors
    ///
    /// If the namespace does not have the address, or the port is taken.
    pub fn tcp(namespace: &Namespace, address: impl Into<SocketAddr>) -> Result<Self, LabError> {
        let address = address.into();
        let start = || -> io::Result<Self> {
            let listener = bind(namespace, || TcpListener::bind(address))?;
            // Linux applies it to accept(2).
            socket::setsockopt(&listener, sockopt::ReceiveTimeout, &timeval(TICK))?;
            Self::start(listener.local_addr()?, move |peers| {
                let (mut stream, peer) = listener.accept()?;
                remember(peers, peer);
                write!(stream, "{peer} {}", stream.local_addr()?)
            })
        };
        start().map_err(|error| LabError::new(format_args!("a TCP server at {address}"), error))
    }

    /// The address that the server is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who has asked so far, in the order the questions came; their answers may have been lost.
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn start(
        address: SocketAddr,
        mut serve_one: impl FnMut(&Mutex<Vec<SocketAddr>>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (peers, stop) = (Arc::<Mutex<_>>::default(), Arc::<AtomicBool>::default());
        let (their_peers, their_stop) = (Arc::clone(&peers), Arc::clone(&stop));
        let thread = thread::Builder::new().spawn(move || {
            while !their_stop.load(Ordering::Relaxed) {
                // A timeout is a tick; an answer that could not be sent is the client's to notice.
                let _ = serve_one(&their_peers);
            }
        })?;
        Ok(Self { address, peers, stop, thread: Some(thread) })
    }
}

/// Binds a socket in a namespace. The port of a server that has just ended may be taken for a moment: a program that
/// another thread starts has all of this one's sockets until it is executed.
fn bind<S: Send>(namespace: &Namespace, bind: impl Fn() -> io::Result<S> + Send + Sync) -> io::Result<S> {
    let deadline = Instant::now() + SETTLE;
    loop {
        match namespace.run(&bind) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => thread::sleep(TICK),
            result => return result,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If the thread has panicked, its message is out already.
            let _ = thread.join();
        }
    }
}

/// Asks [`Server`]s, and tells what became of the question.
#[derive(Debug)]
pub struct Client {
    socket: ClientSocket,
    timeout: Duration,
}

#[derive(Debug)]
enum ClientSocket {
    Udp { socket: UdpSocket, questions: AtomicU64 },
    // A TCP socket connects once, so each question has its own.
    Tcp { namespace: Namespace, from: SocketAddr },
}

impl Client {
    /// Asks over UDP, always from the same socket, which is bound to `from`.
    ///
    /// # Errors
    ///
    /// If the namespace does not have the address, or the port is taken.
    pub fn udp(namespace: &Namespace, from: impl Into<SocketAddr>) -> Result<Self, LabError> {
        let from = from.into();
        let socket = namespace
            .run(|| UdpSocket::bind(from))
            .map_err(|error| LabError::new(format_args!("a UDP client at {from}"), error))?;
        Ok(Self { socket: ClientSocket::Udp { socket, questions: AtomicU64::new(0) }, timeout: PATIENCE })
    }

    /// Asks over TCP, by a new connection from `from` each time; port 0 stands for any free one.
    pub fn tcp(namespace: &Namespace, from: impl Into<SocketAddr>) -> Self {
        let socket = ClientSocket::Tcp { namespace: namespace.clone(), from: from.into() };
        Self { socket, timeout: PATIENCE }
    }

    /// Waits that long for an answer, instead of [`PATIENCE`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks the server at `to`, and waits for its answer.
    pub fn ask(&self, to: impl Into<SocketAddr>) -> Answer {
        let to = to.into();
        Answer::from_text(match &self.socket {
            ClientSocket::Udp { socket, questions } => {
                let number = questions.fetch_add(1, Ordering::Relaxed);
                ask_udp(socket, number, to, self.timeout)
            }
            ClientSocket::Tcp { namespace, from } => ask_tcp(namespace, *from, to, self.timeout),
        })
    }
}

fn ask_udp(socket: &UdpSocket, number: u64, to: SocketAddr, wait: Duration) -> io::Result<String> {
    // Only a connected socket hears of ICMP errors.
    socket.connect(to)?;
    socket.send(number.to_string().as_bytes())?;
    let deadline = Instant::now() + wait;
    let mut answer = [0; 256];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A timeout of zero would stand for none.
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let length = socket.recv(&mut answer)?;
        let text = String::from_utf8_lossy(&answer[..length]);
        if let Some(text) = text.strip_prefix(&format!("{number} ")) {
            return Ok(text.to_owned());
        }
    }
}

fn ask_tcp(namespace: &Namespace, from: SocketAddr, to: SocketAddr, wait: Duration) -> io::Result<String> {
    let socket = namespace.run(|| tcp_socket(to))?;
    socket::setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    // Linux applies it to connect(2).
    socket::setsockopt(&socket, sockopt::SendTimeout, &timeval(wait))?;
    socket::setsockopt(&socket, sockopt::ReceiveTimeout, &timeval(wait))?;
    // std cannot bind a socket before it connects.
    socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    if let Err(errno) = socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        return Err(icmp_error(&socket).unwrap_or_else(|| errno.into()));
    }
    let mut text = String::new();
    TcpStream::from(socket).read_to_string(&mut text)?;
    Ok(text)
}

/// A TCP socket that keeps ICMP errors, see [`icmp_error`].
fn tcp_socket(to: SocketAddr) -> nix::Result<OwnedFd> {
    let open = |family| socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    if to.is_ipv4() {
        let socket = open(AddressFamily::Inet)?;
        socket::setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        Ok(socket)
    } else {
        let socket = open(AddressFamily::Inet6)?;
        socket::setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        Ok(socket)
    }
}

/// The ICMP error that answered a connection attempt.
///
/// On a veth it arrives while connect(2) still holds the socket, so that the kernel only notes it; connect(2) itself
/// would tell of it after the first retransmission, a second later.
fn icmp_error(socket: &OwnedFd) -> Option<io::Error> {
    let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = socket::recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut space), flags).ok()?;
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            Some(io::Error::from_raw_os_error(error.ee_errno.try_into().ok()?))
        }
        _ => None,
    })
}

fn remember(peers: &Mutex<Vec<SocketAddr>>, peer: SocketAddr) {
    peers.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
}

/// Whether a call ended because of SO_RCVTIMEO (EAGAIN), SO_SNDTIMEO in connect(2) (EINPROGRESS), or
/// the kernel's own timeout.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        || error.raw_os_error() == Some(Errno::EINPROGRESS as i32)
}

fn timeval(duration: Duration) -> TimeVal {
    TimeVal::microseconds(duration.as_micros().try_into().unwrap_or(i64::MAX))
}
