//! Settings that are one word out of a few.

use super::kind::{Context, Facts, Fault, Kind};
use super::problem::did_you_mean;
use super::value::{Node, Value};
use serde_json::json;

/// Declares an enum, its words in the order of the declaration, and how it is read.
macro_rules! choices {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ })+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// The words, as they are written.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl Kind for $name {
            fn read(node: &Node, context: Context<'_>) -> Result<$name, Vec<Fault>> {
                match &node.value {
                    $(Value::Text(word) | Value::Written(word) if word == $word => Ok($name::$variant),)+
                    _ => Err(unknown_word(node, &$name::allowed(context.facts), $name::WORDS)),
                }
            }

            fn show(&self) -> serde_json::Value {
                json!(self.as_str())
            }

            fn allowed(_: &Facts) -> String {
                one_of($name::WORDS)
            }
        }
    )+ };
}

choices! {
    /// What drives the sockets of a shard.
    Driver {
        /// io_uring where the kernel allows it, epoll otherwise.
        Auto = "auto",
        IoUring = "io_uring",
        Epoll = "epoll",
    }

    /// What becomes of the base path of an imported document (`basePath`, or the path of its first server): the
    /// `basepath` parameter of AWS's ImportRestApi and PutRestApi.
    BasePath {
        /// The base path is left out.
        Ignore = "ignore",
        /// The base path goes in front of every resource.
        Prepend = "prepend",
        /// The first part of the base path goes into the stage's address, the rest in front of every resource.
        Split = "split",
    }

    /// Whose limits are in effect where nobody says otherwise.
    Parity {
        /// The gateway's own defaults.
        None = "none",
        /// AWS's.
        Aws = "aws",
    }

    /// What happens to an API whose backend's name cannot be resolved when it is deployed.
    Unresolved {
        /// The deploy is refused.
        Refuse = "refuse",
        /// A warning is logged; requests are answered 502 until the name resolves.
        Warn = "warn",
    }

    /// What becomes of a client that shows no certificate where it is asked for one.
    ClientAuth {
        /// It is refused.
        Required = "required",
        /// It is served as one that nobody knows.
        Optional = "optional",
    }

    /// What happens to a request field that a backend could mistake for one that the gateway sets, because it reads
    /// `_` and `-` alike (CGI, WSGI): `X_Forwarded_For`.
    UnderscoreTwins {
        /// The request is answered 400.
        Refuse = "refuse",
        /// The field is left out.
        Drop = "drop",
    }

    /// What clients learn of the limit that answered them 429.
    ThrottleHeaders {
        /// Nothing, as at AWS.
        Off = "off",
        /// `Retry-After`: how many seconds to wait.
        RetryAfter = "retry-after",
        /// `Retry-After`, `RateLimit-Policy` and `RateLimit`.
        All = "all",
    }

    /// What the holder of an access key or token may do.
    KeyScope {
        Full = "full",
        /// Nothing that changes anything.
        ReadOnly = "read-only",
    }

    /// Where the credentials come from with which requests to AWS's services are signed.
    CredentialsSource {
        /// There are none: such integrations answer 500.
        Off = "off",
        /// The environment, or the profile of the shared files: nobody is asked for them.
        Local = "local",
        /// A role, for a token in a file (STS's AssumeRoleWithWebIdentity).
        WebIdentity = "web-identity",
        /// The endpoint that ECS or EKS Pod Identity gives a container.
        Container = "container",
        /// The metadata service of EC2.
        Imds = "imds",
        /// All of these, in this order; the first that is there.
        Auto = "auto",
    }

    /// What a deployment by the management API does about things that this version cannot serve.
    Unsupported {
        /// The deployment is refused.
        Refuse = "refuse",
        /// The API is deployed, and the methods concerned answer 500.
        Deny = "deny",
    }

    /// How much the gateway says about itself.
    LogLevel {
        Off = "off",
        Error = "error",
        Warn = "warn",
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
}

fn unknown_word(node: &Node, allowed: &str, words: &[&'static str]) -> Vec<Fault> {
    let suggestion = match &node.value {
        Value::Text(word) | Value::Written(word) => did_you_mean(word, words.iter().copied()),
        _ => String::new(),
    };
    vec![Fault::at(node, format!("{} is not allowed; write {allowed}{suggestion}", node.value))]
}

/// `"a", "b" or "c"`.
fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => format!("{word:?}"),
        [first @ .., last] => {
            format!("{} or {last:?}", first.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value, expected: Result<Driver, &str>) {
        let found = Driver::read(&Node { value, place: None }, Context { facts: &Facts::plain(), base: None });
        assert_eq!(found.map_err(|faults| faults[0].message.clone()), expected.map_err(str::to_owned));
    }

    #[test]
    fn words() {
        check(Value::Text("auto".into()), Ok(Driver::Auto));
        check(Value::Written("io_uring".into()), Ok(Driver::IoUring));
        let near = "\"io-uring\" is not allowed; write \"auto\", \"io_uring\" or \"epoll\"; did you mean \"io_uring\"?";
        check(Value::Written("io-uring".into()), Err(near));
        check(Value::Bool(true), Err("true is not allowed; write \"auto\", \"io_uring\" or \"epoll\""));
    }

    #[test]
    fn every_word_reads_back() {
        for word in LogLevel::WORDS {
            let read = LogLevel::read(&Node::written(*word), Context { facts: &Facts::plain(), base: None });
            assert_eq!(read.map(LogLevel::as_str), Ok(*word));
        }
    }
}
