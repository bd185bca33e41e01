//! Writes with serde_json, and numbers that are not finite as Python does. serde_json asks its
//! formatter to write `null` for them; a serializer around it leaves word of what was meant.

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

/// What is to be written instead of the next `null`, if anything.
type Word = Cell<Option<&'static str>>;

/// The JSON text of a value.
pub(crate) fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let mut text = Vec::with_capacity(128);
    to_writer(&mut text, value)?;
    Ok(String::from_utf8(text).expect("serde_json writes UTF-8"))
}

/// Appends the JSON text of a value.
pub(crate) fn to_writer<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<()> {
    let word = Word::default();
    let mut json = serde_json::Serializer::with_formatter(text, Words(&word));
    Ok(value.serialize(Outer { inner: &mut json, word: &word })?)
}

/// Compact, and with the word that was left where it is asked for a `null`.
struct Words<'w>(&'w Word);

impl Formatter for Words<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.0.take().unwrap_or("null").as_bytes())
    }
}

fn word_for(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some(NAN),
        f64::INFINITY => Some(INFINITY),
        f64::NEG_INFINITY => Some(MINUS_INFINITY),
        _ => None,
    }
}

/// A serializer around another one, and what that gives for sequences, maps and their like.
struct Outer<'w, S> {
    inner: S,
    word: &'w Word,
}

/// A value inside of another one, which is to be written in the same way.
struct Inside<'a, T: ?Sized> {
    value: &'a T,
    word: &'a Word,
}

impl<T: Serialize + ?Sized> Serialize for Inside<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Outcome<S::Ok, S::Error> {
        deeper(|| self.value.serialize(Outer { inner, word: self.word }))
    }
}

impl<'w, S> Outer<'w, S> {
    fn around<I>(word: &'w Word) -> impl FnOnce(I) -> Outer<'w, I> {
        move |inner| Outer { inner, word }
    }
}

macro_rules! as_it_is {
    ($($method:ident($kind:ty))*) => {
        $(fn $method(self, value: $kind) -> Outcome<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'w, S: Serializer> Serializer for Outer<'w, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Outer<'w, S::SerializeSeq>;
    type SerializeTuple = Outer<'w, S::SerializeTuple>;
    type SerializeTupleStruct = Outer<'w, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Outer<'w, S::SerializeTupleVariant>;
    type SerializeMap = Outer<'w, S::SerializeMap>;
    type SerializeStruct = Outer<'w, S::SerializeStruct>;
    type SerializeStructVariant = Outer<'w, S::SerializeStructVariant>;

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
        self.word.set(word_for(f64::from(value)));
        let result = self.inner.serialize_f32(value);
        self.word.set(None); // as a map refuses such a key
        result
    }

    fn serialize_f64(self, value: f64) -> Outcome<S::Ok, S::Error> {
        self.word.set(word_for(value));
        let result = self.inner.serialize_f64(value);
        self.word.set(None);
        result
    }

    fn serialize_none(self) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome<S::Ok, S::Error> {
        self.inner.serialize_some(&Inside { value, word: self.word })
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
        self.inner.serialize_newtype_struct(name, &Inside { value, word: self.word })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome<S::Ok, S::Error> {
        let value = Inside { value, word: self.word };
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Outcome<Self::SerializeSeq, S::Error> {
        self.inner.serialize_seq(length).map(Self::around(self.word))
    }

    fn serialize_tuple(self, length: usize) -> Outcome<Self::SerializeTuple, S::Error> {
        self.inner.serialize_tuple(length).map(Self::around(self.word))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeTupleStruct, S::Error> {
        self.inner.serialize_tuple_struct(name, length).map(Self::around(self.word))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeTupleVariant, S::Error> {
        let inner = self.inner.serialize_tuple_variant(name, index, variant, length);
        inner.map(Self::around(self.word))
    }

    fn serialize_map(self, length: Option<usize>) -> Outcome<Self::SerializeMap, S::Error> {
        self.inner.serialize_map(length).map(Self::around(self.word))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeStruct, S::Error> {
        self.inner.serialize_struct(name, length).map(Self::around(self.word))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Outcome<Self::SerializeStructVariant, S::Error> {
        let inner = self.inner.serialize_struct_variant(name, index, variant, length);
        inner.map(Self::around(self.word))
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
        $(impl<S: $kind> $kind for Outer<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                value: &T,
            ) -> Outcome<(), S::Error> {
                self.inner.$method(&Inside { value, word: self.word })
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
        $(impl<S: $kind> $kind for Outer<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Outcome<(), S::Error> {
                self.inner.serialize_field(key, &Inside { value, word: self.word })
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

impl<S: SerializeMap> SerializeMap for Outer<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome<(), S::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome<(), S::Error> {
        self.inner.serialize_value(&Inside { value, word: self.word })
    }

    fn end(self) -> Outcome<S::Ok, S::Error> {
        self.inner.end()
    }
}
