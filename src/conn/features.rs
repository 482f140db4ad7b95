//! What the running kernel can do.

use super::Conn;
use crate::error::{Error, Features};

impl Conn {
    /// Returns the [features](crate::Feature) that the running kernel has, of those that some supported kernels lack.
    ///
    /// So a program can decide before it makes its ruleset: a flowtable or none, `queue` or no queue. What one batch
    /// needs [it tells itself](crate::Batch::features).
    ///
    /// ```no_run
    /// use nftlink::{Conn, Feature};
    ///
    /// let features = Conn::open()?.features()?;
    /// if features.has(Feature::Flowtables) && features.has(Feature::FlowOffload) {
    ///     println!("packets of known connections may pass the rules by");
    /// }
    /// for feature in nftlink::Features::all().without(features).iter() {
    ///     println!("no {feature}: Linux {} has it", feature.since());
    /// }
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// The kernel is asked, whatever it calls itself: distributions bring features to older kernels, and leave others
    /// out of newer ones. It is asked once for each connection (open another one after a module was installed), by
    /// three queries and one batch that it validates and does not apply, as in [`check`](Self::check): nothing in the
    /// namespace changes, no packet meets anything new, and nobody who [watches](crate::monitor) sees it. Where the
    /// kernel has features as modules it loads them, which takes some milliseconds for each; they stay.
    ///
    /// Of one it cannot be sure: [`Egress`](crate::Feature::Egress) is told by kernels from Linux 5.16 on that were
    /// built without it, too.
    ///
    /// After a refused batch the library itself asks for the features that were used where it was refused, so that the
    /// error is [`Error::Unsupported`] where they are lacking. A [`Recording`](crate::Recording) has all features but
    /// those that it is to [lack](crate::Recording::lack).
    ///
    /// # Errors
    ///
    /// What keeps the kernel from answering, and never a feature that is missed by mistake: [`Error::Commit`] or
    /// [`Error::Query`] without `CAP_NET_ADMIN`, [`Error::Rejected`] for want of memory, [`Error::Io`] if answers are
    /// lost.
    pub fn features(&mut self) -> Result<Features, Error> {
        self.link.features(Features::all())
    }
}
