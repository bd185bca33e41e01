//! Finds libhermes: where `HERMES_LIB_DIR` says, in the checkout that this crate lies in, or
//! through pkg-config. Dependents find the folder in `DEP_HERMES_LIB_DIR`.

use std::env;
use std::path::{Path, PathBuf};

const HELP: &str = "\
libhermes is needed, version 2. One of these helps:

  - install it: `make install` in a checkout of hermes, with pkg-config at hand
    (PKG_CONFIG_PATH, where the prefix is an unusual one);
  - set HERMES_LIB_DIR to the folder that holds libhermes.so;
  - in a checkout: `make build`.
";

fn main() {
    println!("cargo::rerun-if-env-changed=HERMES_LIB_DIR");
    match find() {
        Ok(Some(folder)) => {
            println!("cargo::rustc-link-search=native={}", folder.display());
            println!("cargo::rustc-link-lib=dylib=hermes");
            println!("cargo::metadata=LIB_DIR={}", folder.display());
        }
        Ok(None) => {} // pkg-config has said it all
        Err(why) => {
            eprintln!("error: {why}\n\n{HELP}");
            std::process::exit(1);
        }
    }
}

/// The folder of the library, or none where pkg-config knows how to link.
fn find() -> Result<Option<PathBuf>, String> {
    if let Some(folder) = env::var_os("HERMES_LIB_DIR") {
        let folder = PathBuf::from(folder);
        return match folder.join("libhermes.so").exists() {
            true => Ok(Some(folder)),
            false => {
                Err(format!("HERMES_LIB_DIR is {}, which has no libhermes.so", folder.display()))
            }
        };
    }
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../build");
    println!("cargo::rerun-if-changed={}", build.join("libhermes.so").display());
    if build.join("libhermes.so").exists() {
        return build.canonicalize().map(Some).map_err(|e| e.to_string());
    }
    let library = pkg_config::Config::new()
        .atleast_version("2.0")
        .probe("hermes")
        .map_err(|e| e.to_string())?;
    if let Some(folder) = library.link_paths.first() {
        println!("cargo::metadata=LIB_DIR={}", folder.display());
    }
    Ok(None)
}
