//! Files as the checks see them.

use std::fs;
use std::path::Path;

/// A file of code: comments, the inside of literals and `#[cfg(test)]` modules are blank, lines stay
/// where they are.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: without_tests(&blank(text)) }
    }

    /// The top-level module that the file belongs to: `lane` for `src/lane.rs` and `src/lane/crew.rs`.
    pub(crate) fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = inside.split('/').next().unwrap_or(inside);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super` lead from the file's module to the crate's root.
    pub(crate) fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// True for a file in one of these places: a file's path, or a folder's with its slash.
    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path == *place || (place.ends_with('/') && self.path.starts_with(place))
        })
    }

    /// Where `word` stands as a whole word, or begins or ends with its own punctuation.
    pub(crate) fn find(&self, word: &str) -> Vec<usize> {
        let code = self.code.as_bytes();
        let part =
            |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let (head, tail) = (word.as_bytes().first(), word.as_bytes().last());
        let whole = |start: usize| {
            let before = start.checked_sub(1).and_then(|index| code.get(index));
            let inside_left = part(head) && part(before);
            let inside_right = part(tail) && part(code.get(start + word.len()));
            !inside_left && !inside_right
        };
        self.code
            .match_indices(word)
            .map(|(start, _)| start)
            .filter(|&start| whole(start))
            .collect()
    }

    pub(crate) fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.code[..offset].matches('\n').count() + 1)
    }
}

/// Every file below the folder, with its path from here, in order.
pub(crate) fn read_tree(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let name = path.to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Replaces comments and the inside of literals by blanks.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kept, blanked) = next_token(rest, first, out.ends_with(is_word));
        out.push_str(&rest[..kept]);
        for c in rest[kept..kept + blanked].chars() {
            out.push(if c == '\n' { '\n' } else { ' ' });
        }
        rest = &rest[kept + blanked..];
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How many bytes to keep, and how many to blank after them.
fn next_token(rest: &str, first: char, in_word: bool) -> (usize, usize) {
    if rest.starts_with("//") {
        return (0, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (0, block_comment(rest));
    }
    if first == '"' {
        return (0, string(rest));
    }
    if !in_word && (first == 'r' || rest.starts_with("br")) {
        let hashes = rest.trim_start_matches(['b', 'r']);
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[count..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(count));
            let start = rest.len() - hashes.len() + count + 1;
            let length = rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len());
            return (0, length);
        }
    }
    if first == '\'' && character(rest) > 0 {
        return (0, character(rest));
    }
    (first.len_utf8(), 0)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal, 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            Some(_) | None => 0,
        },
        None => 0,
    }
}

/// Blanks every `#[cfg(test)] mod name { … }`.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let item = start + "#[cfg(test)]".len();
        let semicolon = code[item..].find(';').map_or(code.len(), |at| item + at);
        let Some(open) = code[item..].find('{').map(|at| item + at).filter(|at| *at < semicolon)
        else {
            from = item;
            continue;
        };
        let end = closing(&code, open);
        let blank: String =
            code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
        from = start;
    }
    code
}

fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}
