//! Rebuilds when the catalogue changes, which the binary carries.

fn main() {
    println!("cargo::rerun-if-changed=specs");
    println!("cargo::rerun-if-changed=manifests");
}
