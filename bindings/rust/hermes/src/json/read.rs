//! Reads JSON: first with serde_json, and only if that fails on `NaN`, `Infinity`, `-Infinity` or
//! deep nesting, with the slower [`Reader`] here. Both parse strings and finite numbers with
//! serde_json.
//!
//! The three literals are accepted only for `f64` and `f32`. A self-describing type, such as
//! [`serde_json::Value`], would turn them into `null`; that is an error instead. Depth is
//! limited to [`DEEPEST`]; recursion grows the stack (see `deeper`), so depth cannot overflow
//! it. A reader is used by one thread; there are no locks.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde_json::de::StrRead;
use serde_json::{Error, Result};

use super::{deeper, INFINITY, MINUS_INFINITY, NAN};

/// The maximum nesting depth; more than the library accepts. It bounds the recursion when a value
/// is dropped.
const DEEPEST: usize = 2000;

/// Reads one JSON text that the library has validated.
pub(crate) fn from_str<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).or_else(|error| match beyond_serde_json(text) {
        true => Reader { text, at: 0, depth: 0 }.whole(),
        false => Err(error),
    })
}

/// Whether the text contains what hermes accepts and serde_json does not.
fn beyond_serde_json(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true, // occurs in strings only
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'N' | b'I' => return true,
            b'[' | b'{' if depth == 127 => return true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Whether a text has no comma and closes no bracket outside of a value: in an array it is one
/// element, or the array is no JSON.
#[cfg(feature = "tokio")]
pub(crate) fn is_one_value(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' | b',' if depth == 0 => return false,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !in_string && !text.trim().is_empty()
}

/// A text, the read position in it, and the nesting depth.
struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    fn whole<T: DeserializeOwned>(mut self) -> Result<T> {
        let value = T::deserialize(&mut self)?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.no_json()),
        }
    }

    fn no_json(&self) -> Error {
        Error::custom(format_args!("no JSON at byte {}", self.at))
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let space = rest.iter().take_while(|byte| b" \t\n\r".contains(byte)).count();
        self.at += space;
        rest.get(space).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        match self.eat(byte) {
            true => Ok(()),
            false => Err(self.no_json()),
        }
    }

    /// Takes the text of a string, a number or a literal.
    fn token(&mut self) -> Result<&'de str> {
        let string = self.peek() == Some(b'"');
        let rest = &self.text[self.at..];
        let length = match string {
            true => string_length(rest),
            false => rest.find([',', ']', '}', ':', ' ', '\t', '\n', '\r']).or(Some(rest.len())),
        };
        let length = length.filter(|&length| length > 0).ok_or_else(|| self.no_json())?;
        self.at += length;
        Ok(&rest[..length])
    }

    /// The same for serde_json, so without the three literals.
    fn scalar(&mut self) -> Result<serde_json::Deserializer<StrRead<'de>>> {
        let token = self.token()?;
        match number(token) {
            Some(_) => Err(Error::custom(format_args!(
                "{token} is for numbers with fractions (f64), and not for what is asked for"
            ))),
            None => Ok(serde_json::Deserializer::from_str(token)),
        }
    }

    /// Whether the next value is an array or an object.
    fn at_container(&mut self) -> bool {
        matches!(self.peek(), Some(b'[' | b'{'))
    }

    /// Reads a container, brackets included.
    fn container<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let end = if self.peek() == Some(b'[') { b']' } else { b'}' };
        if self.depth == DEEPEST {
            return Err(Error::custom(format_args!("nested deeper than {DEEPEST} levels")));
        }
        self.at += 1;
        self.depth += 1;
        let value = deeper(|| read(self))?;
        self.depth -= 1;
        self.expect(end)?;
        Ok(value)
    }

    /// Whether another element or member follows in a container that ends with `end`.
    fn more(&mut self, first: &mut bool, end: u8) -> Result<bool> {
        if self.peek() == Some(end) {
            return Ok(false);
        }
        if !std::mem::replace(first, false) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// Skips a value.
    fn skip(&mut self) -> Result<()> {
        let mut depth = 0;
        loop {
            match self.peek() {
                Some(b'[' | b'{') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b']' | b'}') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                _ => drop(self.token()?),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// The length of the string that a text begins with, quotation marks included.
fn string_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The number of a literal.
fn number(token: &str) -> Option<f64> {
    match token {
        NAN => Some(f64::NAN),
        INFINITY => Some(f64::INFINITY),
        MINUS_INFINITY => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.at_container() {
                true => self.deserialize_any(visitor),
                false => self.scalar()?.$method(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    scalars! {
        deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek() {
            Some(b'[') => self.container(|reader| visitor.visit_seq(Elements::of(reader))),
            Some(b'{') => self.container(|reader| visitor.visit_map(Elements::of(reader))),
            _ => self.scalar()?.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.at_container() {
            return self.deserialize_any(visitor);
        }
        let token = self.token()?;
        match number(token) {
            Some(value) => visitor.visit_f64(value),
            None => serde_json::Deserializer::from_str(token).deserialize_f64(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.token()?;
        visitor.visit_none()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.peek() {
            Some(b'{') => self.container(|reader| visitor.visit_enum(Variant(reader))),
            Some(b'[') => self.deserialize_any(visitor),
            _ => self.scalar()?.deserialize_enum(name, variants, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        seq map
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }
}

/// The elements of an array, or the members of an object.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl<'r, 'de> Elements<'r, 'de> {
    fn of(reader: &'r mut Reader<'de>) -> Self {
        Self { reader, first: true }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.reader.more(&mut self.first, b']')? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        match self.reader.more(&mut self.first, b'}')? {
            true => read_key(self.reader, seed).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.reader)
    }
}

/// Reads a key and the colon after it. serde_json converts keys to numbers only within an object,
/// so the key is parsed as the key of an object of its own.
fn read_key<'de, K: DeserializeSeed<'de>>(reader: &mut Reader<'de>, seed: K) -> Result<K::Value> {
    let object = format!("{{{}:0}}", reader.token()?);
    reader.expect(b':')?;
    serde_json::Deserializer::from_reader(object.as_bytes()).deserialize_map(OneKey(seed))
}

struct OneKey<K>(K);

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for OneKey<K> {
    type Value = K::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<K::Value, A::Error> {
        let key = map.next_key_seed(self.0)?;
        map.next_value::<IgnoredAny>()?;
        key.ok_or_else(|| A::Error::custom("no key"))
    }
}

/// An object of one member, the variant of an enum.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((read_key(self.0, seed)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        serde::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.0.deserialize_any(visitor)
    }
}
