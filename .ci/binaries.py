"""binaries.py LIBRARY...: checks libraries that were built here for other systems.

What the file promises to a system that is not here is read by lief: what is exported is what
hermes.h declares, the library has its name, it needs nothing but what the system has, and the
oldest system on which it runs is the one that docs/platforms.md names.
"""

import pathlib
import subprocess
import sys

import lief

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Of zig's linker, which exports them from every dylib.
LINKERS_OWN = {"__mh_dylib_header", "___dso_handle"}

MACOS = [11, 0]
MACOS_HAS = {
    "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
    "/System/Library/Frameworks/Security.framework/Versions/A/Security",
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libresolv.9.dylib",
}
WINDOWS_HAS = {"kernel32.dll", "ntdll.dll", "ws2_32.dll", "advapi32.dll", "ucrtbase.dll"}


def declared():
    script = [ROOT / "capi/exports.sh", "names", ROOT / "include/hermes.h"]
    names = set(subprocess.run(script, check=True, capture_output=True, text=True).stdout.split())
    assert len(names) > 30, names
    return names


def same(what, found, wanted):
    assert found == wanted, f"{what}: {found}, not {wanted}"


def check_macos(library):
    same("exports", exports_of(library) - LINKERS_OWN, {f"_{name}" for name in declared()})
    name, *needed = [library_command.name for library_command in library.libraries]
    same("install name", name, "@rpath/libhermes.2.dylib")
    same("compatibility version", library.libraries[0].compatibility_version, [2, 0, 0])
    same("oldest macOS", library.build_version.minos[:2], MACOS)
    assert set(needed) <= MACOS_HAS, f"it needs {needed}"
    assert not list(library.rpaths), "it has an rpath"
    machine = library.header.cpu_type.name
    signed = library.has_code_signature or machine != "ARM64"
    assert signed, "without a signature macOS on arm64 does not load it"
    return f"{machine}, macOS {MACOS[0]}.{MACOS[1]}"


def exports_of(library):
    return {symbol.name for symbol in library.exported_symbols}


def check_windows(library):
    export = library.get_export()
    same("exports", {entry.name for entry in export.entries}, declared())
    same("name", export.name, "hermes.dll")
    needed = {each.name.lower() for each in library.imports}
    unknown = {name for name in needed - WINDOWS_HAS if not name.startswith("api-ms-win-crt-")}
    assert not unknown, f"it needs {unknown}"
    for protection in ("DYNAMIC_BASE", "NX_COMPAT", "HIGH_ENTROPY_VA"):
        characteristic = getattr(lief.PE.OptionalHeader.DLL_CHARACTERISTICS, protection)
        assert library.optional_header.has(characteristic), f"it has not {protection}"
    return f"{library.header.machine.name}, Windows"


def main(paths):
    for path in paths:
        library = lief.parse(path)
        assert library is not None, f"{path} is not a library"
        check = check_macos if isinstance(library, lief.MachO.Binary) else check_windows
        size = pathlib.Path(path).stat().st_size
        print(f"{path}: {check(library)}, {len(declared())} functions, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
