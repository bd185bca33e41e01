//! Lets the programs find build/libhermes.so from build/bench.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/..");
}
