//! The function stays as it is; a [`TestCase`] beside it goes into the slice of tests.
//!
//! [`TestCase`]: https://docs.rs/fwtest

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Signature, Type};

use crate::arguments::Arguments;

const SIGNATURE: &str = "a test is `async fn name(fw: &mut Instance) -> Result<()>`";

/// What the attribute stands for, or the compiler error. The function is in both, so that an error
/// is not followed by those of whoever uses it.
pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> TokenStream {
    match test_case(arguments, function.clone()) {
        Ok(case) => quote! { #function #case },
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #function #error }
        }
    }
}

fn test_case(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(function)
        .map_err(|error| Error::new(error.span(), format!("not a function: {SIGNATURE}")))?;
    let instance = instance(&function.sig)?;

    let name = &function.sig.ident;
    let path = name.unraw().to_string();
    // `line!()` is the line of the tokens it is made of: the function's, not the attribute's.
    let line = quote_spanned! { name.span() => ::core::line!() };
    let firmware = option(arguments.firmware);
    let timeout = option(arguments.timeout);
    let ignore = option(arguments.ignore);
    let call = call(&function.sig, instance);
    let cfgs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));

    Ok(quote! {
        #(#cfgs)*
        const _: () = {
            fn __fwtest_run<'a>(
                instance: &'a mut ::fwtest::__private::Instance,
            ) -> ::fwtest::__private::Running<'a> {
                ::std::boxed::Box::pin(async move { #call })
            }

            #[::fwtest::__private::linkme::distributed_slice(::fwtest::__private::TESTS)]
            #[linkme(crate = ::fwtest::__private::linkme)]
            static __FWTEST_CASE: ::fwtest::__private::TestCase = ::fwtest::__private::TestCase {
                name: ::core::concat!(::core::module_path!(), "::", #path),
                file: ::core::file!(),
                line: #line,
                firmware: #firmware,
                timeout: #timeout,
                ignore: #ignore,
                run: __fwtest_run,
            };
        };
    })
}

/// The one argument's type, after all that a test's signature cannot have.
fn instance(signature: &Signature) -> Result<&Type> {
    let refuse = |span: Span, what: &str| Err(Error::new(span, format!("{what}: {SIGNATURE}")));
    if let Some(token) = signature.unsafety {
        return refuse(token.span(), "a test cannot be `unsafe`");
    }
    if let Some(token) = signature.constness {
        return refuse(token.span(), "a test cannot be `const`");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi.span(), "a test cannot be `extern`");
    }
    let generics = &signature.generics;
    if generics.type_params().next().is_some() || generics.const_params().next().is_some() {
        return refuse(generics.span(), "a test cannot be generic");
    }
    let mut inputs = signature.inputs.iter();
    let Some(first) = inputs.next() else {
        return refuse(signature.ident.span(), "a test takes its instance");
    };
    if let Some(second) = inputs.next() {
        return refuse(second.span(), "a test takes its instance alone");
    }
    match first {
        FnArg::Receiver(receiver) => refuse(receiver.span(), "a test is no method"),
        FnArg::Typed(argument) => match argument.ty.as_ref() {
            Type::Reference(reference) if reference.mutability.is_some() => Ok(&argument.ty),
            other => refuse(other.span(), "a test borrows its instance as `&mut`"),
        },
    }
}

/// Calls the function, with each type error where its cause is written.
fn call(signature: &Signature, instance: &Type) -> TokenStream {
    let name = &signature.ident;
    let argument = quote_spanned! { instance.span() => instance };
    let result = match signature.asyncness {
        Some(_) => quote! { #name(#argument).await },
        None => quote! { #name(#argument) },
    };
    let returned = match &signature.output {
        ReturnType::Default => name.span(),
        ReturnType::Type(_, returned) => returned.span(),
    };
    let into_result = quote_spanned! { returned =>
        ::fwtest::__private::IntoResult::into_result(result)
    };
    quote! {
        let result = #result;
        #into_result
    }
}

fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::{SIGNATURE, expand, test_case};
    use crate::refusal;

    #[track_caller]
    fn check(function: &str, expected: (&str, &str)) {
        let function = function.parse().expect("tokens");
        let error = test_case(TokenStream::new(), function).expect_err("it is refused");
        refusal::assert_eq(&error, (expected.0, &format!("{}: {SIGNATURE}", expected.1)));
    }

    #[test]
    fn a_wrong_signature_is_pointed_at() {
        check("struct Test;", ("struct", "not a function"));
        check("fn t() {}", ("t", "a test takes its instance"));
        let alone = "a test takes its instance alone";
        check("fn t(fw: &mut Instance, n: u32) {}", ("n: u32", alone));
        let borrows = "a test borrows its instance as `&mut`";
        check("fn t(fw: Instance) {}", ("Instance", borrows));
        check("fn t(fw: &Instance) {}", ("&Instance", borrows));
        check("fn t(&mut self) {}", ("&mut self", "a test is no method"));
        check("fn t<T>(fw: &mut T) {}", ("<T>", "a test cannot be generic"));
        check("unsafe fn t(fw: &mut Instance) {}", ("unsafe", "a test cannot be `unsafe`"));
        check("const fn t(fw: &mut Instance) {}", ("const", "a test cannot be `const`"));
        check(
            r#"extern "C" fn t(fw: &mut Instance) {}"#,
            (r#"extern "C""#, "a test cannot be `extern`"),
        );
    }

    #[test]
    fn a_refused_function_is_still_there() {
        let tokens = expand(TokenStream::new(), "fn helper() {}".parse().expect("tokens"));
        assert!(tokens.to_string().starts_with("fn helper () { }"), "{tokens}");
    }
}
