//! Migrations are compiled in, and Cargo does not see by itself that one of them is new.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
