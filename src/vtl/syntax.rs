//! What a template is made of.

use crate::jsonpath::Path;
use crate::jsonpath::pattern::Pattern;

pub(super) type Block = Box<[Node]>;

/// Where a variable is kept while a template runs: names are looked up at parse time only. 16 bits, as a template's
/// 300 KB can name more variables than that only in theory, where it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub u16);

impl Slot {
    pub const INPUT: Slot = Slot(0);
    pub const UTIL: Slot = Slot(1);
    pub const CONTEXT: Slot = Slot(2);
    pub const STAGE_VARIABLES: Slot = Slot(3);
    /// The variables that have a slot in every template.
    pub const GIVEN: [&'static str; 4] = ["input", "util", "context", "stageVariables"];
}

/// Where a `#foreach` leaves its state, for the names that the template uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoopSlots {
    pub foreach: Option<Slot>,
    pub count: Option<Slot>,
    pub has_next: Option<Slot>,
}

#[derive(Debug)]
pub(super) enum Node {
    Text(Box<str>),
    Reference(Reference),
    Set {
        target: Reference,
        value: Expression,
    },
    If {
        branches: Box<[(Expression, Block)]>,
        otherwise: Block,
    },
    Foreach {
        item: Slot,
        list: Expression,
        body: Block,
        offset: u32,
    },
    /// The index is that of the block among the template's definitions.
    Define {
        slot: Slot,
        definition: usize,
    },
    Stop,
    Break,
}

/// `$a.b(c)[d]`
#[derive(Debug)]
pub(super) struct Reference {
    pub slot: Slot,
    pub accesses: Box<[Access]>,
    /// Of a reference to `$context`: the properties that it begins with, as AWS writes them, and their number. Boxed, as
    /// there are references in every node of a template and few are to `$context`.
    pub context_name: Option<Box<(Box<str>, usize)>>,
    pub offset: u32,
}

#[derive(Debug)]
pub(super) enum Access {
    Property(Box<str>),
    Index(Expression),
    Call(Call),
}

#[derive(Debug)]
pub(super) struct Call {
    /// None if nothing in a template's scope has a method of that name.
    pub method: Option<Method>,
    pub arguments: Vec<Expression>,
    pub compiled: Compiled,
}

/// What a call's first argument is good for, if it is constant.
#[derive(Debug)]
pub(super) enum Compiled {
    No,
    Path(Box<Path>),
    Pattern(Box<Pattern>),
}

#[derive(Debug)]
pub(super) enum Expression {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    /// Text in double quotes with something to fill in.
    Interpolated(Block),
    Reference(Reference),
    List(Vec<Expression>),
    Range(Box<(Expression, Expression)>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    /// Operators of one precedence from left to right: flat, as a long sum is not a deep one.
    Chain {
        first: Box<Expression>,
        rest: Vec<(Operator, Expression)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

macro_rules! methods {
    ($($name:literal => $method:ident),* $(,)?) => {
        /// Every method that something in a template's scope has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Method { $($method),* }

        impl Method {
            pub fn named(name: &str) -> Option<Method> {
                match name {
                    $($name => Some(Method::$method),)*
                    _ => None,
                }
            }
        }
    };
}

impl Method {
    /// Whether it changes what it is called on.
    pub fn changes(self) -> bool {
        use Method::{Add, AddAll, Clear, Put, PutAll, PutIfAbsent, Remove, Set};
        matches!(self, Add | AddAll | Clear | Put | PutAll | PutIfAbsent | Remove | Set)
    }
}

methods! {
    "add" => Add, "addAll" => AddAll, "base64Decode" => Base64Decode, "base64Encode" => Base64Encode,
    "booleanValue" => BooleanValue, "charAt" => CharAt, "clear" => Clear, "compareTo" => CompareTo,
    "compareToIgnoreCase" => CompareToIgnoreCase, "concat" => Concat, "contains" => Contains,
    "containsAll" => ContainsAll, "containsKey" => ContainsKey, "containsValue" => ContainsValue,
    "doubleValue" => DoubleValue, "endsWith" => EndsWith, "entrySet" => EntrySet, "equals" => Equals,
    "equalsIgnoreCase" => EqualsIgnoreCase, "escapeJavaScript" => EscapeJavaScript, "get" => Get,
    "getBody" => GetBody, "getKey" => GetKey, "getOrDefault" => GetOrDefault, "getValue" => GetValue,
    "hasNext" => HasNext, "hashCode" => HashCode, "indexOf" => IndexOf, "intValue" => IntValue,
    "isBlank" => IsBlank, "isEmpty" => IsEmpty, "iterator" => Iterator, "json" => Json, "keySet" => KeySet,
    "lastIndexOf" => LastIndexOf, "length" => Length, "longValue" => LongValue, "matches" => Matches, "next" => Next,
    "params" => Params, "parseBoolean" => ParseBoolean, "parseDouble" => ParseDouble, "parseInt" => ParseInt,
    "parseJson" => ParseJson, "parseLong" => ParseLong, "path" => Path, "put" => Put, "putAll" => PutAll,
    "putIfAbsent" => PutIfAbsent, "remove" => Remove, "replace" => Replace, "replaceAll" => ReplaceAll,
    "replaceFirst" => ReplaceFirst, "set" => Set, "size" => Size, "split" => Split, "startsWith" => StartsWith,
    "strip" => Strip, "subList" => SubList, "substring" => Substring, "toLowerCase" => ToLowerCase,
    "toString" => ToString, "toUpperCase" => ToUpperCase, "trim" => Trim, "urlDecode" => UrlDecode,
    "urlEncode" => UrlEncode, "valueOf" => ValueOf, "values" => Values,
}
