//! Writes JSON with serde_json, and non-finite numbers as Python does.
//!
//! serde_json has its formatter write `null` for a non-finite number. [`Wrapped`] wraps
//! serde_json's serializer: before such a number it stores `NaN`, `Infinity` or `-Infinity` in a
//! [`NullText`], and [`NullFormatter`] writes that instead of the `null`. All nested values pass
//! through a `Wrapped`, by [`Nested`]. One call uses one cell on one thread; there are no locks.

use std::cell::Cell;
use std::fmt::Display;
use std::io;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::ser::Formatter;

use super::{deeper, INFINITY, MINUS_INFINITY, NAN};
use crate::error::Result;

type Outcome<T, E> = std::result::Result<T, E>;

/// The text to write instead of the next `null`, if any.
type NullText = Cell<Option<&'static str>>;

/// The JSON text of a value.
pub(crate) fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let mut text = Vec::with_capacity(128);
    to_writer(&mut text, value)?;
    Ok(String::from_utf8(text).expect("serde_json writes UTF-8"))
}

/// Appends the JSON text of a value.
pub(crate) fn to_writer<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<()> {
    let null_text = NullText::default();
    let mut json = serde_json::Serializer::with_formatter(text, NullFormatter(&null_text));
    Ok(value.serialize(Wrapped { inner: &mut json, null_text: &null_text })?)
}

/// serde_json's compact format, except that the stored text replaces a `null`.
struct NullFormatter<'w>(&'w NullText);

impl Formatter for NullFormatter<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.0.take().unwrap_or("null").as_bytes())
    }
}

fn text_of(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some(NAN),
        f64::INFINITY => Some(INFINITY),
        f64::NEG_INFINITY => Some(MINUS_INFINITY),
        _ => None,
    }
}

/// A wrapper of a serializer, or of its state for a sequence, map or struct.
struct Wrapped<'w, S> {
    inner: S,
    null_text: &'w NullText,
}

/// A value in a sequence, map or struct, to be serialized through the same wrapper.
struct Nested<'a, T: ?Sized> {
    value: &'a T,
    null_text: &'a NullText,
}

impl<T: Serialize + ?Sized> Serialize for Nested<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Outcome<S::Ok, S::Error> {
        deeper(|| self.value.serialize(Wrapped { inner, null_text: self.null_text }))
    }
}

impl<'w, S> Wrapped<'w, S> {
    fn around<I>(null_text: &'w NullText) -> impl FnOnce(I) -> Wrapped<'w, I> {
        move |inner| Wrapped { inner, null_text }
    }
}

macro_rules! as_it_is {
    ($($method:ident($kind:ty))*) => {
        $(fn $method(self, value: $kind) -> Outcome<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'w, S: Serializer> Serializer for Wrapped<'w, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Wrapped<'w, S::SerializeSeq>;
    type SerializeTuple = Wrapped<'w, S::SerializeTuple>;
    type SerializeTupleStruct = Wrapped<'w, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Wrapped<'w, S::SerializeTupleVariant>;
    type SerializeMap = Wrapped<'w, S::SerializeMap>;
    type SerializeStruct = Wrapped<'w, S::SerializeStruct>;
    type SerializeStructVariant = Wrapped<'w, S::SerializeStructVariant>;

    as_it_is! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128)
        serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Outcome<S::Ok, S::Error> {
        self.null_text.set(text_of(f64::from(value)));
        let result = self.inner.serialize_f32(value);
        self.null_text.set(None); // serde_json rejected such a key of a map
        result
    }

    fn serialize_f64(self, value: f64) -> Outcome<S::Ok, S::Error> {
        self.null_text.set(text_of(value));
        let result = self.inner.serialize_f64(value);
        self.null_text.set(None);
        result
    }

    fn serialize_none(self) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_some(&Nested { value, null_text: self.null_text })
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Nested { value, null_text: self.null_text })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome<S::Ok, S::Error> {
        let value = Nested { value, null_text: self.null_text };
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Outcome<Self::SerializeSeq, S::Error> {
        self.inner.serialize_seq(length).map(Self::around(self.null_text))
    }

    fn serialize_tuple(self, length: usize) -> Outcome<Self::SerializeTuple, S::Error> {
        self.inner.serialize_tuple(length).map(Self::around(self.null_text))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeTupleStruct, S::Error> {
        self.inner.serialize_tuple_struct(name, length).map(Self::around(self.null_text))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, length);
        inner.map(Self::around(self.null_text))
    }

    fn serialize_map(self, length: Option<usize>) -> Outcome<Self::SerializeMap, S::Error> {
        self.inner.serialize_map(length).map(Self::around(self.null_text))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeStruct, S::Error> {
        self.inner.serialize_struct(name, length).map(Self::around(self.null_text))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, length);
        inner.map(Self::around(self.null_text))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Outcome<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($kind:ident::$method:ident)*) => {
        $(impl<S: $kind> $kind for Wrapped<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                value: &T,
            ) -> Outcome<(), S::Error> {
                self.inner.$method(&Nested { value, null_text: self.null_text })
            }

            fn end(self) -> Outcome<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($kind:ident)*) => {
        $(impl<S: $kind> $kind for Wrapped<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Outcome<(), S::Error> {
                self.inner.serialize_field(key, &Nested { value, null_text: self.null_text })
            }

            fn skip_field(&mut self, key: &'static str) -> Outcome<(), S::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Outcome<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl<S: SerializeMap> SerializeMap for Wrapped<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome<(), S::Error> {
        self.inner.serialize_value(&Nested { value, null_text: self.null_text })
    }

    fn end(self) -> Outcome<S::Ok, S::Error> {
        self.inner.end()
    }
}
