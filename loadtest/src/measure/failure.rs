//! Why a request or a connection failed, in words that tell whom to ask.

use serde::{Deserialize, Serialize};

macro_rules! failures {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal,)+) => {
        /// A closed list: reports have one row for each kind that occurred.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Failure {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Failure {
            pub const ALL: &[Failure] = &[$(Failure::$variant),+];
            pub const COUNT: usize = Failure::ALL.len();

            /// The kind's name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Failure::$variant => $name,)+ }
            }

            /// One sentence for a reader who sees the kind for the first time.
            pub fn explanation(self) -> &'static str {
                match self { $(Failure::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

failures! {
    /// The server's port refused the connection: nothing listens there.
    Refused "connection_refused",
    /// The connection could not be opened in time.
    ConnectTimeout "connect_timeout",
    /// The connection could not be opened for another reason, such as no route or no free local port.
    Unreachable "unreachable",
    /// The TLS handshake failed or the record layer was broken.
    Tls "tls",
    /// The server reset the connection while an answer was due.
    Reset "reset",
    /// The server closed the connection before the answer was complete.
    ClosedEarly "closed_early",
    /// No complete answer came within the time-out.
    Timeout "timeout",
    /// What came is not an HTTP answer.
    Malformed "malformed",
    /// The answer's head is larger than the tool reads.
    HeadTooLarge "head_too_large",
    /// An answer with a status that was not expected.
    Status "status",
    /// An answer with a body that was not expected.
    Body "body",
    /// Another error of the operating system.
    Io "io",
}

impl Failure {
    /// Whether the failure is a connection's, with no request sent on it.
    pub fn is_of_connection(self) -> bool {
        matches!(self, Failure::Refused | Failure::ConnectTimeout | Failure::Unreachable | Failure::Tls)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
