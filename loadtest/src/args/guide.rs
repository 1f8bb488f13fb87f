//! `docs/load-testing.md` and the definition say the same.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory, Parser};

use super::options::CommandLine;

const GUIDE: &str = include_str!("../../../docs/load-testing.md");
const BEGIN: &str = "<!-- The options, from loadtest/src/args/options.rs -->\n";
const END: &str = "<!-- End of the options -->\n";

/// The tables of the reference.
fn reference() -> String {
    let command = CommandLine::command();
    let mut text = String::new();
    let mut headings: Vec<&str> = Vec::new();
    for heading in command.get_arguments().filter_map(Arg::get_help_heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
            let options: Vec<&Arg> =
                command.get_arguments().filter(|option| option.get_help_heading() == Some(heading)).collect();
            write_table(heading, &options, &mut text);
        }
    }
    let compare: Vec<&Arg> = compare(&command).get_arguments().filter(|option| !option.is_positional()).collect();
    write_table("`loadtest compare`", &compare, &mut text);
    text
}

fn compare(command: &Command) -> &Command {
    command.find_subcommand("compare").expect("the definition has it")
}

fn write_table(heading: &str, options: &[&Arg], into: &mut String) {
    let _ = write!(into, "\n### {heading}\n\n| option | what | default |\n|---|---|---|\n");
    for option in options {
        let (help, default) = described(option);
        let _ = writeln!(into, "| {} | {help} | {default} |", usage(option));
    }
}

/// `` `-n`, `--requests-total N` ``
fn usage(option: &Arg) -> String {
    let short = option.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let long = option.get_long().expect("every option has a long name");
    let takes_value = option.get_action().takes_values();
    let value = option.get_value_names().filter(|_| takes_value).and_then(<[_]>::first);
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    format!("{short}`--{long}{value}`")
}

/// What it does, and its default: clap's own, or the one that the text ends with.
fn described(option: &Arg) -> (String, String) {
    let help = option.get_help().expect("every option is described").to_string().replace('|', "\\|");
    let choices: Vec<String> = match option.get_action().takes_values() {
        true => option.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect(),
        false => Vec::new(),
    };
    let (help, default) = match help.split_once("[default: ").or(help.split_once("[default bounds: ")) {
        Some((help, default)) => (help.trim(), default.trim_end_matches(']').to_owned()),
        None => (help.as_str(), option.get_default_values().iter().map(|value| value.to_string_lossy()).collect()),
    };
    let choices = if choices.is_empty() { String::new() } else { format!(": {}", choices.join(", ")) };
    (format!("{help}{choices}"), default)
}

/// The command lines in the guide, as words.
fn examples() -> Vec<Vec<String>> {
    let blocks = GUIDE.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let text: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = text.iter().flat_map(|block| block.lines());
    lines.filter(|line| line.starts_with("loadtest ")).map(words).collect()
}

/// As a shell splits them: quotes keep together, what follows ` #` is a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else if let Some((part, _comment)) = part.split_once(" #") {
            words.extend(part.split_whitespace().map(str::to_owned));
            break;
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// `LOADTEST_UPDATE_GUIDE=1 cargo test -p loadtest guide` writes the reference anew.
#[test]
fn the_reference_is_the_definition() {
    let (before, rest) = GUIDE.split_once(BEGIN).expect("the guide has a place for the reference");
    let (written, after) = rest.split_once(END).expect("the reference has an end");
    let reference = format!("{}\n", reference());
    if std::env::var_os("LOADTEST_UPDATE_GUIDE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/load-testing.md");
        std::fs::write(path, format!("{before}{BEGIN}{reference}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, reference, "LOADTEST_UPDATE_GUIDE=1 cargo test -p loadtest guide");
    }
}

#[test]
fn examples_are_command_lines() {
    for example in examples() {
        if let Err(error) = CommandLine::try_parse_from(&example) {
            panic!("{example:?}: {error}");
        }
    }
}

#[test]
fn every_option_has_an_example() {
    let used: Vec<String> = examples().into_iter().flatten().collect();
    let command = CommandLine::command();
    for option in command.get_arguments().chain(compare(&command).get_arguments()).filter_map(Arg::get_long) {
        let option = format!("--{option}");
        assert!(used.contains(&option), "{option} has no example in docs/load-testing.md");
    }
}
