mod cables;
mod clocks;
mod databases;
mod house;
mod node;
mod pooler;
mod shell;
