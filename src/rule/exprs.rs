//! Rules that are the kernel's own expressions: slices, arrays and tuples of them.

use super::*;

impl<E: AsExpr> AsRule for [E] {
    fn encode(&self, _chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, _steps: &mut Vec<u8>) {
        encode_list(w, sets, |encoder| self.iter().for_each(|expr| encoder.put_as(expr)));
    }
}

impl<E: AsExpr, const N: usize> AsRule for [E; N] {
    fn encode(&self, chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, steps: &mut Vec<u8>) {
        self.as_slice().encode(chain, sets, w, steps);
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: AsExpr),*> AsRule for ($($name,)*) {
            #[inline]
            fn encode(&self, _chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, _steps: &mut Vec<u8>) {
                #[allow(non_snake_case, reason = "the parts are named as their types")]
                let ($($name,)*) = self;
                encode_list(w, sets, |encoder| {
                    $(encoder.put_as($name);)*
                });
            }
        }
    )*};
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
}
