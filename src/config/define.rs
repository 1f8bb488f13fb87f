//! The macro behind the table of settings: from one list come [`Config`] with its sections, their
//! defaults, and [`Setting`] for everything that goes by name.

use super::Config;
use super::kind::{Context, Facts, Fault};
use super::value::Node;

/// One row of the table, for whoever goes by name: the file, the environment, the flags, `tollgate config`.
pub struct Setting {
    /// `limits.target_bytes_max`.
    pub key: &'static str,
    pub facts: Facts,
    /// The lines of the documentation, each beginning with a space.
    pub documentation: &'static [&'static str],
    /// What may be written.
    pub allowed: fn(&Facts) -> String,
    /// Reads a value into its field; a fault leaves the field alone.
    pub set: fn(&mut Config, &Node, Context<'_>) -> Result<(), Vec<Fault>>,
    pub show: fn(&Config) -> serde_json::Value,
}

impl Setting {
    /// `TOLLGATE_LIMITS_TARGET_BYTES_MAX`.
    pub fn environment(&self) -> String {
        format!("{}{}", super::environment::PREFIX, self.key.replace('.', "_").to_uppercase())
    }

    /// `limits`; empty for a setting outside of the sections.
    pub fn section(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// `target_bytes_max`.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }
}

/// `name: Type = default => facts;` rows, first those outside of sections, then section by section. The documentation
/// comment of a row is the field's, and the reference's.
macro_rules! settings {
    (
        $(#[doc = $config_doc:literal])+
        $Config:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr => $facts:expr;)+
        }
        $(
            $(#[doc = $section_doc:literal])+
            $section:ident: $Section:ident {
                $(
                    $(#[doc = $inner_doc:literal])+
                    $inner:ident: $inner_type:ty = $inner_default:expr => $inner_facts:expr;
                )+
            }
        )+
    ) => {
        $(#[doc = $config_doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Config {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($(#[doc = $section_doc])+ pub $section: $Section,)+
        }

        impl Default for $Config {
            fn default() -> $Config {
                $Config { $($field: $default,)+ $($section: $Section::default(),)+ }
            }
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $($(#[doc = $inner_doc])+ pub $inner: $inner_type,)+
            }

            impl Default for $Section {
                fn default() -> $Section {
                    $Section { $($inner: $inner_default,)+ }
                }
            }
        )+

        /// Every setting, in the order of the reference.
        pub const SETTINGS: &[Setting] = &[
            $(settings!(@row $type, $facts, [$($doc),+], stringify!($field), $field),)+
            $($(settings!(
                @row $inner_type, $inner_facts, [$($inner_doc),+],
                concat!(stringify!($section), ".", stringify!($inner)), $section.$inner
            ),)+)+
        ];

        /// The sections and what each is about, in the order of the reference.
        pub const SECTIONS: &[(&str, &[&str])] = &[$((stringify!($section), &[$($section_doc),+]),)+];
    };
    (@row $type:ty, $facts:expr, [$($doc:literal),+], $key:expr, $($path:ident).+) => {
        Setting {
            key: $key,
            facts: $facts,
            documentation: &[$($doc),+],
            allowed: <$type as Kind>::allowed,
            set: |config, node, context| {
                config.$($path).+ = <$type as Kind>::read(node, context)?;
                Ok(())
            },
            show: |config| config.$($path).+.show(),
        }
    };
}
pub(super) use settings;
