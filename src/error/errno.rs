//! Error numbers, in words.

use std::fmt;

/// An error number of the kernel.
///
/// ```
/// use nftlink::Errno;
/// assert_eq!(Errno::ENOENT.to_string(), "no such file or directory");
/// assert_eq!(Errno::from_raw(2), Errno::ENOENT);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $words:literal;)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`: ", $words, ".")] pub const $name: Self = Self($number);)*

            /// Returns the error's name in C, if it is one that nf_tables is known to use.
            pub const fn name(self) -> Option<&'static str> {
                match self { $(Self::$name => Some(stringify!($name)),)* _ => None }
            }

            const fn words(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($words),)* _ => None }
            }
        }
    };
}

// The numbers are those of every architecture that Rust's std supports on Linux but MIPS and
// SPARC, where those above 34 differ; `from_raw` and `get` are right there, too.
errnos! {
    EPERM = 1, "operation not permitted";
    ENOENT = 2, "no such file or directory";
    EINTR = 4, "interrupted system call";
    EIO = 5, "input/output error";
    E2BIG = 7, "argument list too long";
    EBADF = 9, "bad file descriptor";
    EAGAIN = 11, "resource temporarily unavailable";
    ENOMEM = 12, "cannot allocate memory";
    EACCES = 13, "permission denied";
    EBUSY = 16, "device or resource busy";
    EEXIST = 17, "file exists";
    ENODEV = 19, "no such device";
    EINVAL = 22, "invalid argument";
    ENFILE = 23, "too many open files in system";
    EMLINK = 31, "too many links";
    ERANGE = 34, "numerical result out of range";
    ELOOP = 40, "too many levels of symbolic links";
    ENODATA = 61, "no data available";
    EPROTO = 71, "protocol error";
    EOVERFLOW = 75, "value too large for defined data type";
    ERESTART = 85, "interrupted system call should be restarted";
    EMSGSIZE = 90, "message too long";
    EPROTONOSUPPORT = 93, "protocol not supported";
    EOPNOTSUPP = 95, "operation not supported";
    EAFNOSUPPORT = 97, "address family not supported by protocol";
    ENOBUFS = 105, "no buffer space available";
    ECANCELED = 125, "operation canceled";
}

impl Errno {
    /// Wraps an error number.
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// Returns the error number.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Not `From`: no dependency's type is in the public interface.
    pub(crate) fn from_nix(errno: nix::errno::Errno) -> Self {
        Self(errno as i32)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => f.write_str(words),
            None => write!(f, "error number {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl From<&std::io::Error> for Errno {
    fn from(error: &std::io::Error) -> Self {
        match (error.raw_os_error(), error.kind()) {
            (Some(raw), _) => Self(raw),
            // std found the mistake itself, as a NUL in a path.
            (None, std::io::ErrorKind::InvalidInput) => Self::EINVAL,
            (None, _) => Self::EIO,
        }
    }
}
