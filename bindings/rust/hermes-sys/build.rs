//! Finds libhermes: where `HERMES_LIB_DIR` says, in the checkout that this crate lies in, or
//! through pkg-config; or builds it with Go, where `HERMES_SOURCE` names a checkout, or this is in
//! one. With the feature `static` it is linked into the program. Dependents find the folder in
//! `DEP_HERMES_LIB_DIR`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const HELP: &str = "\
libhermes is needed, version 2. One of these helps:

  - install it: `make install` in a checkout of hermes, with pkg-config at hand
    (PKG_CONFIG_PATH, where the prefix is an unusual one);
  - set HERMES_LIB_DIR to the folder that holds libhermes (with the feature `static`:
    libhermes.a);
  - on Linux, set HERMES_SOURCE to a checkout of hermes, from which Go and a C compiler build it;
  - in a checkout on Linux: `make build`.
";

/// What is linked: the name of the file, and its kind for the compiler and for capi/build.sh.
struct Kind {
    file: &'static str,
    link: &'static str,
    build: &'static str,
}

/// The kind of library for a system, as Cargo names it.
fn kind(system: &str, linked_in: bool) -> Kind {
    match (linked_in, system) {
        (true, _) => Kind { file: "libhermes.a", link: "static", build: "archive" },
        (_, "macos") => Kind { file: "libhermes.dylib", link: "dylib", build: "shared" },
        (_, "windows") => Kind { file: "hermes.dll", link: "dylib", build: "shared" },
        _ => Kind { file: "libhermes.so", link: "dylib", build: "shared" },
    }
}

fn main() {
    println!("cargo::rerun-if-env-changed=HERMES_LIB_DIR");
    println!("cargo::rerun-if-env-changed=HERMES_SOURCE");
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let kind = kind(&system, env::var_os("CARGO_FEATURE_STATIC").is_some());
    match find(&kind) {
        Ok(Some(folder)) => {
            println!("cargo::rustc-link-search=native={}", folder.display());
            println!("cargo::rustc-link-lib={}=hermes", kind.link);
            println!("cargo::metadata=LIB_DIR={}", folder.display());
            if kind.link == "static" {
                link_what_the_archive_needs(&folder);
            }
        }
        Ok(None) => {} // pkg-config has said it all
        Err(why) => {
            eprintln!("error: {why}\n\n{HELP}");
            std::process::exit(1);
        }
    }
}

/// The folder of the library, or none where pkg-config knows how to link.
fn find(kind: &Kind) -> Result<Option<PathBuf>, String> {
    if let Some(folder) = env::var_os("HERMES_LIB_DIR") {
        let folder = PathBuf::from(folder);
        return match folder.join(kind.file).exists() {
            true => Ok(Some(folder)),
            false => {
                Err(format!("HERMES_LIB_DIR is {}, which has no {}", folder.display(), kind.file))
            }
        };
    }
    if let Some(source) = env::var_os("HERMES_SOURCE") {
        return build(Path::new(&source), kind).map(Some);
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let built = checkout.join("build");
    println!("cargo::rerun-if-changed={}", built.join(kind.file).display());
    if built.join(kind.file).exists() {
        return built.canonicalize().map(Some).map_err(|e| e.to_string());
    }
    let probe = pkg_config::Config::new()
        .atleast_version("2.0")
        .statik(kind.link == "static")
        .probe(if kind.link == "static" { "hermes-static" } else { "hermes" });
    match probe {
        Ok(library) => {
            if let Some(folder) = library.link_paths.first() {
                println!("cargo::metadata=LIB_DIR={}", folder.display());
            }
            Ok(None)
        }
        Err(_) if checkout.join("capi/build.sh").exists() => build(&checkout, kind).map(Some),
        Err(why) => Err(why.to_string()),
    }
}

/// Builds the library from a checkout, in Cargo's folder for what a build makes.
fn build(source: &Path, kind: &Kind) -> Result<PathBuf, String> {
    let script = source.join("capi/build.sh");
    if !script.exists() {
        return Err(format!("{} is no checkout of hermes", source.display()));
    }
    let (host, target) = (env::var("HOST"), env::var("TARGET"));
    if host != target || !host.as_ref().is_ok_and(|name| name.contains("linux")) {
        let [host, target] = [host, target].map(Result::unwrap_or_default);
        return Err(format!(
            "from sources the library is built on Linux for that same machine, and not on {host} \
             for {target}: build it with capi/build.sh, and set HERMES_LIB_DIR to its folder"
        ));
    }
    for room in ["capi", "core", "internal", "include", "go.mod"] {
        println!("cargo::rerun-if-changed={}", source.join(room).display());
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let file = match kind.build {
        "shared" if kind.file == "libhermes.so" => "libhermes.so.2",
        _ => kind.file,
    };
    println!("cargo::rerun-if-env-changed=GOFLAGS");
    let done = Command::new("sh")
        .arg(&script)
        .arg(kind.build)
        .arg(folder.join(file))
        .env("GOFLAGS", format!("{} -buildvcs=false", env::var("GOFLAGS").unwrap_or_default()))
        .output()
        .map_err(|e| format!("sh: {e}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("{} could not build the library:\n{said}", script.display()));
    }
    if file != kind.file {
        let _ = std::fs::remove_file(folder.join(kind.file));
        std::fs::copy(folder.join(file), folder.join(kind.file)).map_err(|e| e.to_string())?;
    }
    Ok(folder)
}

/// Names the libraries that a static libhermes needs: a file beside it lists them, or the script
/// that builds it.
fn link_what_the_archive_needs(folder: &Path) {
    println!("cargo::rerun-if-env-changed=HERMES_STATIC_LIBS");
    let named = env::var("HERMES_STATIC_LIBS").unwrap_or_else(|_| libraries(folder));
    for flag in named.split_whitespace() {
        if let Some(name) = flag.strip_prefix("-l") {
            println!("cargo::rustc-link-lib=dylib={name}");
        } else if let Some(path) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={path}");
        }
    }
}

/// What `capi/build.sh libs` prints, of the checkout that the archive is of; else what it prints
/// of the default build.
fn libraries(folder: &Path) -> String {
    let source = env::var_os("HERMES_SOURCE").map(PathBuf::from);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for root in source.into_iter().chain([folder.join(".."), checkout]) {
        let script = root.join("capi/build.sh");
        if !script.exists() {
            continue;
        }
        if let Ok(done) = Command::new("sh").arg(script).arg("libs").output() {
            if done.status.success() {
                return String::from_utf8_lossy(&done.stdout).into_owned();
            }
        }
    }
    "-lzmq -lstdc++ -lpthread".to_string()
}
