//! Where the expressions of a rule go.

use crate::error::BuildErrorKind;
use crate::expr::{self, AsExpr, Cmp, CmpOp, Data, Expr, ExprInfo, Wire};
use crate::field::lower::{Nowhere, REG, Sink};
use crate::wire::AttrWriter;

/// Takes expressions that were read.
pub(super) trait Raw {
    fn put_kept(&mut self, info: &ExprInfo);
}

impl Raw for Nowhere {
    fn put_kept(&mut self, _: &ExprInfo) {}
}

/// Keeps expressions as values.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) exprs: Vec<Expr>,
    pub(super) mistake: Option<BuildErrorKind>,
    sets: u32,
}

impl Collector {
    fn keep(&mut self, expr: Expr) {
        // Some mistakes are found only where an expression is written.
        let mut w = AttrWriter::new();
        expr.write(&mut w);
        if let Some(mistake) = w.take_error() {
            self.fail(mistake);
        }
        self.exprs.push(expr);
    }
}

impl Sink for Collector {
    fn put<E: Wire + Into<Expr>>(&mut self, expr: E) {
        self.keep(expr.into());
    }

    fn put_expr(&mut self, expr: &Expr) {
        self.keep(expr.clone());
    }

    fn fail(&mut self, mistake: BuildErrorKind) {
        self.mistake.get_or_insert(mistake);
    }

    fn next_set(&mut self) -> u32 {
        self.sets += 1;
        self.sets
    }
}

impl Raw for Collector {
    fn put_kept(&mut self, info: &ExprInfo) {
        if let Some(mistake) = info.mistake() {
            self.fail(mistake);
        }
        // What was read may be written again, whatever it is.
        self.exprs.push(info.comparable());
    }
}

/// Writes expressions as they come.
pub(super) struct Encoder<'a> {
    pub(super) w: &'a mut AttrWriter,
    pub(super) count: usize,
    /// Numbers of the sets that the rule has to itself, and of the chain.
    pub(super) sets: std::slice::Iter<'a, u32>,
}

impl Sink for Encoder<'_> {
    // Where it is called most of the expression is known.
    #[inline(always)]
    fn put<E: Wire + Into<Expr>>(&mut self, expr: E) {
        expr::write(self.w, &expr);
        self.count += 1;
    }

    #[inline]
    fn put_cmp(&mut self, op: CmpOp, data: &Data) {
        match Cmp::write_short(op, REG, data, self.w) {
            true => self.count += 1,
            false => self.put(Cmp::new(op, REG, data.clone())),
        }
    }

    fn put_expr(&mut self, expr: &Expr) {
        expr.write(self.w);
        self.count += 1;
    }

    fn fail(&mut self, mistake: BuildErrorKind) {
        self.w.fail(mistake);
    }

    fn next_set(&mut self) -> u32 {
        self.sets.next().copied().unwrap_or_default()
    }
}

impl Encoder<'_> {
    #[inline]
    pub(super) fn put_as(&mut self, expr: &impl AsExpr) {
        expr.write_to(self.w);
        self.count += 1;
    }
}

impl Raw for Encoder<'_> {
    fn put_kept(&mut self, info: &ExprInfo) {
        info.write(self.w);
        self.count += 1;
    }
}
