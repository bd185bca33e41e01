//! Lets the tests and examples of this crate find libhermes where it was linked from.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_HERMES_LIB_DIR") {
        println!("cargo::rustc-link-arg-tests=-Wl,-rpath,{folder}");
        println!("cargo::rustc-link-arg-examples=-Wl,-rpath,{folder}");
    }
}
