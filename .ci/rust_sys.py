"""Makes the externs of the crate hermes-sys of include/hermes.h, so that the two cannot differ.

rust_sys.py            writes them
rust_sys.py --check    fails where they are not what would be written
"""

import re
import sys

import header

OUTPUT = header.ROOT / "bindings/rust/hermes-sys/src/raw.rs"

BEGINNING = """\
// Made of include/hermes.h by .ci/rust_sys.py (make format). Do not edit.

use core::ffi::{c_char, c_int, c_void};
use core::marker::{PhantomData, PhantomPinned};
"""

OPAQUE = """
/// An opaque type of the library.
#[repr(C)]
pub struct {name} {{
    _data: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}}
"""

TYPES = {
    **{"int": "c_int", "int32_t": "i32", "uint64_t": "u64", "size_t": "usize"},
    **{"double": "f64", "char": "c_char", "void": "c_void"},
}
OPAQUES = ["hermes_envelope", "hermes_batch"]
KEYWORDS = {"in", "type", "box", "ref", "fn"}


def rust_type(c_type):
    """Return the type that Rust has for one of C."""
    words, stars = c_type.replace("*", "").split(), c_type.count("*")
    constant = words[0] == "const"
    name = words[-1]
    rust = TYPES.get(name, name)
    if name not in TYPES and name not in OPAQUES:
        sys.exit(f"rust_sys.py: no type in Rust is known for {c_type}")
    for star in range(stars):
        rust = ("*const " if constant and star == 0 else "*mut ") + rust
    return rust


def parameters(declared):
    """Return what stands between the parentheses, in Rust."""
    out = []
    for one in declared.split(","):
        if one.strip() == "void":
            continue
        c_type, name = re.fullmatch(r"\s*(.*?)(\w+)\s*", one).groups()
        name = name + "_" if name in KEYWORDS else name
        out.append(f"{name}: {rust_type(c_type)}")
    return ", ".join(out)


def function(one):
    """Return the extern for a function."""
    result, name, declared = re.fullmatch(r"(.*?)(hermes_\w+)\((.*)\);", one.declaration).groups()
    returned = "" if result.strip() == "void" else f" -> {rust_type(result)}"
    text = one.text.replace("@p ", "").split(". ")[0].rstrip(".") + "."
    return f"    /// {text}\n    pub fn {name}({parameters(declared)}){returned};\n"


def made():
    """Return the whole file."""
    source = header.read()
    out = [BEGINNING]
    out += [OPAQUE.format(name=name) for name in OPAQUES]
    out.append("\n")
    version = re.search(r"#define HERMES_ABI_VERSION (\d+)", source).group(1)
    constants = [("HERMES_ABI_VERSION", version, "what this was made for")]
    constants += header.constants(source)
    for name, value, meaning in constants:
        meaning = meaning[:1].upper() + meaning[1:] if meaning else f"`{name}` of hermes.h"
        out.append(f"/// {meaning}.\npub const {name}: c_int = {value};\n")
    out.append('\nextern "C" {\n')
    found = [one for _, body in header.sections(source) for one in header.functions(body)]
    missing = header.declared(source) - {one.name for one in found}
    if missing:
        sys.exit(f"rust_sys.py: not read: {sorted(missing)}")
    out += [function(one) for one in found]
    out.append("}\n")
    return "".join(out)


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        OUTPUT.write_text(made())
    elif OUTPUT.read_text() != made():
        sys.exit(f"{OUTPUT.relative_to(header.ROOT)} is not made of hermes.h: make format")
