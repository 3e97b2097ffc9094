//! The attribute of the crate `fwtest`; it is documented there.

mod arguments;
mod expand;
mod timeout;

#[cfg(test)]
mod refusal;

use proc_macro::TokenStream;

// Without a doc comment: `fwtest` re-exports it with one, whose examples can use `fwtest`.
#[allow(missing_docs, reason = "the re-export has them")]
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(arguments.into(), function.into()).into()
}
