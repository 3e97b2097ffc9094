//! The attribute's arguments.

use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Result, Token};

use crate::timeout::milliseconds;

const KNOWN: &str = "`firmware = \"router*\"`, `timeout = \"10s\"`, `ignore = \"why\"`";

/// What stands in `#[fwtest::test(…)]`.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) firmware: Option<LitStr>,
    /// Milliseconds.
    pub(crate) timeout: Option<u64>,
    pub(crate) ignore: Option<LitStr>,
}

struct Argument {
    name: Ident,
    value: LitStr,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.call(syn::ext::IdentExt::parse_any)?;
        if !input.peek(Token![=]) {
            return Err(Error::new(
                name.span(),
                format!("an argument has a value; known are {KNOWN}"),
            ));
        }
        input.parse::<Token![=]>()?;
        let value = input.parse::<syn::Expr>()?;
        match syn::parse2(value.to_token_stream()) {
            Ok(value) => Ok(Self { name, value }),
            Err(_) => Err(Error::new_spanned(value, format!("`{name}` takes a string literal"))),
        }
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        for Argument { name, value } in Punctuated::<Argument, Token![,]>::parse_terminated(input)?
        {
            if value.value().is_empty() {
                return Err(Error::new(value.span(), format!("`{name}` is empty")));
            }
            let again = match name.to_string().as_str() {
                "firmware" => arguments.firmware.replace(value).is_some(),
                "timeout" => arguments.timeout.replace(timeout(&value)?).is_some(),
                "ignore" => arguments.ignore.replace(value).is_some(),
                _ => {
                    let message = format!("no such argument: known are {KNOWN}");
                    return Err(Error::new(name.span(), message));
                }
            };
            if again {
                return Err(Error::new(name.span(), format!("`{name}` is given twice")));
            }
        }
        Ok(arguments)
    }
}

fn timeout(value: &LitStr) -> Result<u64> {
    let message = "a timeout is a whole number of `ms`, `s` or `m`, such as `\"10s\"`";
    milliseconds(&value.value()).ok_or_else(|| Error::new(value.span(), message))
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::refusal;

    #[test]
    fn arguments_are_read() {
        let source = r#"firmware = "router*", timeout = "2m", ignore = "needs a modem","#;
        let arguments: Arguments = syn::parse_str(source).expect("they are right");
        assert_eq!(arguments.firmware.map(|glob| glob.value()).as_deref(), Some("router*"));
        assert_eq!(arguments.timeout, Some(120_000));
        assert_eq!(arguments.ignore.map(|why| why.value()).as_deref(), Some("needs a modem"));
    }

    #[track_caller]
    fn check(source: &str, expected: (&str, &str)) {
        let error = syn::parse_str::<Arguments>(source).err().expect("they are wrong");
        refusal::assert_eq(&error, expected);
    }

    #[test]
    fn a_wrong_argument_is_pointed_at() {
        let known = "known are `firmware = \"router*\"`, `timeout = \"10s\"`, `ignore = \"why\"`";
        check(r#"firmwares = "a""#, ("firmwares", &format!("no such argument: {known}")));
        check("ignore", ("ignore", &format!("an argument has a value; {known}")));
        check("timeout = 10", ("10", "`timeout` takes a string literal"));
        check(r#"ignore = concat!("a")"#, (r#"concat!("a")"#, "`ignore` takes a string literal"));
        check(r#"firmware = """#, (r#""""#, "`firmware` is empty"));
        check(r#"ignore = "a", ignore = "b""#, ("ignore", "`ignore` is given twice"));
        let forms = "a timeout is a whole number of `ms`, `s` or `m`, such as `\"10s\"`";
        check(r#"timeout = "10""#, (r#""10""#, forms));
    }
}
