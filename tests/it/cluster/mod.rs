mod cables;
mod databases;
mod house;
mod node;
mod shell;
