//! Matrices and lists without names: a row of numbers a line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use ndarray::Array2;

use super::fields::{Decimal, Separator, Value, decimal_of, is_number, value};
use super::{CsvError, comment, lines, text, unreadable};
use crate::files::{self, TextError};

/// Longest file of a matrix, bytes: sixteen for each number of 8192 x 8192.
const MOST_MATRIX_BYTES: u64 = 1 << 30;
/// Longest line of it.
const MOST_LINE_BYTES: u64 = 64 << 20;

/// Those that a first line of numbers may have between them, in the order in which they are tried.
const SEPARATORS: [Separator; 4] =
    [Separator::Byte(b';'), Separator::Byte(b'\t'), Separator::Byte(b','), Separator::Spaces];

/// The separator of a matrix by its first line, and how many numbers that has.
fn separator_of(line: &str) -> (Separator, usize) {
    let of = |separator: Separator| {
        let fields = numbers_of(separator, line)?;
        (fields.len() > 1 && fields.iter().all(|field| is_number(field))).then_some((separator, fields.len()))
    };
    let comma = Separator::Byte(b',');
    let plain = || (comma, numbers_of(comma, line).map_or(1, |fields| fields.len()));
    SEPARATORS.into_iter().find_map(of).unwrap_or_else(plain)
}

/// The fields of a line but for empty ones at its end.
fn numbers_of(separator: Separator, line: &str) -> Option<Vec<String>> {
    let mut fields = separator.split(line).ok()?;
    while fields.len() > 1 && fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    Some(fields)
}

/// Whether a line holds numbers, or what should be such.
fn is_row(line: &str) -> bool {
    !line.trim().is_empty() && comment(line).is_none() && !line.starts_with("sep=")
}

/// Lines of a matrix, and numbers of its first one, as [`matrix`] will find them in a sound file: by one look through it
/// that holds nothing, for whoever wants to refuse what memory cannot hold. UTF-16 is held as a whole.
///
/// # Errors
/// [`CsvError`].
pub fn matrix_shape(path: &Path) -> Result<(usize, usize), CsvError> {
    let shown = path.display().to_string();
    let unread = |e| unreadable(&shown, TextError::Unreadable(e));
    let mut file = BufReader::with_capacity(1 << 16, files::open(path).map_err(unread)?);
    let start = file.fill_buf().map_err(unread)?;
    let wide =
        start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") || start.iter().take(64).any(|b| *b == 0);
    if wide {
        let text = text(path, MOST_MATRIX_BYTES)?;
        let rows: Vec<&str> = lines(&text).into_iter().filter(|line| is_row(line)).collect();
        return Ok((rows.len(), rows.first().map_or(0, |line| separator_of(line).1)));
    }
    let marked = start.starts_with(b"\xef\xbb\xbf");
    file.consume(if marked { 3 } else { 0 });
    let (mut rows, mut columns, mut line) = (0, 0, Vec::new());
    // The first line as a text, and of the others only whether they begin as one of numbers does.
    while rows == 0 {
        line.clear();
        if (&mut file).take(MOST_LINE_BYTES).read_until(b'\n', &mut line).map_err(unread)? == 0 {
            return Ok((0, 0));
        }
        let line = String::from_utf8_lossy(&line);
        if is_row(&line) {
            (rows, columns) = (1, separator_of(line.trim_end_matches(['\r', '\n'])).1);
        }
    }
    let mut holds = None;
    loop {
        let block = file.fill_buf().map_err(unread)?;
        if block.is_empty() {
            break;
        }
        for &byte in block {
            match byte {
                b'\n' => rows += usize::from(holds.take() == Some(true)),
                byte if holds.is_none() && !byte.is_ascii_whitespace() => {
                    holds = Some(!matches!(byte, b'#' | b'%' | b'!' | b'/'));
                }
                _ => {}
            }
        }
        let used = block.len();
        file.consume(used);
    }
    Ok((rows + usize::from(holds == Some(true)), columns))
}

/// Whether two columns of whole numbers are the halves of numbers with decimal commas.
enum Halves {
    No,
    /// They may be.
    Perhaps,
    /// No program writes such whole numbers: the line of the first, and the number.
    Sure(usize, String),
}

/// Looks at lines of two fields. Patterns of 0 and 1 are what they are, and so are two lines.
fn halves(pairs: &[(usize, Vec<String>)]) -> Halves {
    const FEW: usize = 2;
    let is_whole = |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
    let whole_of = |field: &str| is_whole(field.strip_prefix(['-', '+', '\u{2212}']).unwrap_or(field));
    if !pairs.iter().all(|(_, pair)| whole_of(&pair[0]) && is_whole(&pair[1])) {
        return Halves::No;
    }
    // "0,05" and "-0,5".
    let is_odd = |pair: &[String]| {
        pair[1].len() > 1 && pair[1].starts_with('0') || ["-0", "\u{2212}0"].contains(&pair[0].as_str())
    };
    if let Some((line, pair)) = pairs.iter().find(|(_, pair)| is_odd(pair)) {
        return Halves::Sure(*line, format!("\"{},{}\"", pair[0], pair[1]));
    }
    let is_pattern = pairs.iter().all(|(_, pair)| pair.iter().all(|field| ["0", "1"].contains(&field.as_str())));
    if pairs.len() <= FEW || is_pattern { Halves::No } else { Halves::Perhaps }
}

/// Reads a matrix without names: a row of it a line, as many numbers in each. Shape: (lines, numbers).
///
/// Numbers stand apart by semicolons, tabs, commas or spaces, whatever the first line has; with a decimal comma where
/// it is not the comma that separates them.
///
/// # Errors
/// [`CsvError`].
pub fn matrix(path: &Path) -> Result<Array2<f64>, CsvError> {
    let shown = path.display().to_string();
    let text = text(path, MOST_MATRIX_BYTES)?;
    let at = |line: usize, message: String| CsvError::Line { path: shown.clone(), line, message };
    let all: Vec<(usize, &str)> = lines(&text)
        .into_iter()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| is_row(line))
        .collect();
    let Some((separator, columns)) = all.first().map(|(_, line)| separator_of(line)) else {
        return Err(CsvError::File { path: shown, message: "holds no numbers; it must hold at least one".to_owned() });
    };
    let fields = |line: usize, text: &str| {
        let mut fields = separator.split(text).map_err(|message| at(line, message))?;
        while fields.len() > columns && fields.last().is_some_and(String::is_empty) {
            fields.pop();
        }
        Ok(fields)
    };
    let mut decimal = Decimal::Point;
    if separator != Separator::Byte(b',') && text.contains(',') {
        let mut marked = Vec::new();
        for &(line, text) in &all {
            let with_marks = |field: &String| field.contains([',', '.']);
            marked.extend(fields(line, text)?.into_iter().filter(with_marks).map(|field| (line, field)));
        }
        let marked = marked.iter().map(|(line, field)| (*line, field.as_str()));
        decimal = decimal_of(separator, marked).map_err(|(line, message)| at(line, message))?;
    }
    let mut numbers = Vec::with_capacity(all.len().saturating_mul(columns));
    for &(line, text) in &all {
        let fields = fields(line, text)?;
        if fields.len() != columns {
            let message =
                format!("the number of fields is {}; it must be {columns}, as in the first line", fields.len());
            return Err(at(line, message));
        }
        for (column, field) in fields.iter().enumerate() {
            match value(field, decimal) {
                Value::Number(number) => numbers.push(number),
                _ => return Err(at(line, format!("number {} is {field:?}; it must be finite", column + 1))),
            }
        }
    }
    if separator == Separator::Byte(b',') && columns == 2 {
        let pairs: Vec<(usize, Vec<String>)> =
            all.iter().map(|&(line, text)| Ok((line, fields(line, text)?))).collect::<Result<_, CsvError>>()?;
        match halves(&pairs) {
            Halves::Sure(line, field) => {
                let message = format!(
                    "{field} looks like one number with a decimal comma, and is read as two; write decimal points, \
                     or separate columns by ;"
                );
                return Err(at(line, message));
            }
            Halves::Perhaps => tracing::warn!(
                "{shown}: read as two columns of whole numbers; if it is one column with decimal commas, write decimal \
                 points"
            ),
            Halves::No => {}
        }
    }
    // What a table of a program has above its columns.
    let counted = |(column, number): (usize, &f64)| *number == column as f64;
    if columns >= 3
        && all.len() > 1
        && numbers[..columns].iter().enumerate().all(counted)
        && numbers[columns..].iter().any(|number| number.fract() != 0.0)
    {
        let message =
            format!("holds the numbers of the columns, 0 to {}; take the line out, or begin it with #", columns - 1);
        return Err(at(all[0].0, message));
    }
    Array2::from_shape_vec((all.len(), columns), numbers).map_err(|error| at(all.len(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_through_a_matrix_finds_its_shape() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.csv");
        for text in [
            "1,2\n3,4\n5,6\n",
            "# a,b,c\n\n 1, 2,3\r\n\r\n#4\n4,5,6",
            "7",
            "1\n2\n3\n",
            "\u{feff}1;2;\n3;4;\n",
            "sep=;\n1,5;2\n",
            "1 2 3\n% 4\n5 6 7",
        ] {
            std::fs::write(&path, text).expect("written");
            let found = matrix_shape(&path).expect("readable");
            assert_eq!(found, matrix(&path).expect("sound").dim(), "{text:?}");
        }
        let wide: Vec<u8> = "\u{feff}1;2\r\n3;4\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(&path, wide).expect("written");
        assert_eq!((matrix_shape(&path).expect("readable"), matrix(&path).expect("sound").dim()), ((2, 2), (2, 2)));
        std::fs::write(&path, "# nothing\n").expect("written");
        assert_eq!(matrix_shape(&path).expect("readable"), (0, 0));
        let error = matrix_shape(&folder.path().join("none.csv")).expect_err("absent").to_string();
        assert!(error.contains("none.csv") && error.contains("check the path"), "{error}");
    }

    #[test]
    fn halves_of_decimal_commas_are_told_from_columns() {
        let of = |text: &str| {
            let pair = |line: &str| line.split(',').map(str::to_owned).collect();
            halves(&text.lines().map(pair).enumerate().collect::<Vec<_>>())
        };
        assert!(matches!(of("0,5\n1,5\n2,75"), Halves::Perhaps));
        assert!(matches!(of("0,5\n1,05"), Halves::Sure(1, number) if number == "\"1,05\""));
        for columns in ["0,1\n1,0\n1,1", "1,2\n3,4", "0.5,2\n1,3\n2,4", "1,-2\n3,4\n5,6", "1e3,2\n1,2\n1,2"] {
            assert!(matches!(of(columns), Halves::No), "{columns}");
        }
    }

    #[test]
    fn a_matrix_is_read_as_it_is_written_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            matrix(&path)
        };
        for text in [
            "0.5,2\n-1,1e-3\n",
            "0,5;2\n-1;1e-3",
            "0,5\t2\n-1\t0,001\n",
            "0,5 2\n-1 0,001",
            "0.5|2\n-1|0.001".replace('|', ";").as_str(),
        ] {
            let found = read(text).expect(text);
            assert_eq!(found, ndarray::arr2(&[[0.5, 2.0], [-1.0, 1e-3]]), "{text:?}");
        }
        for (text, what) in [
            ("1,2\n1,2,3\n", "line 2: the number of fields is 3; it must be 2"),
            ("1;2\n1,5;2.5\n", "line 2: \"1,5\" has a decimal comma"),
            ("1,2\n1,nan\n", "line 2: number 2 is \"nan\""),
            ("1,2\n1,9.9e37\n", "line 2: number 2 is \"9.9e37\""),
            ("a,b\n1,2\n", "line 1: number 1 is \"a\""),
            ("0,1,2\n0.5,1e-3,2\n", "line 1: holds the numbers of the columns, 0 to 2"),
            ("0,5\n0,25\n0,05\n", "line 3: \"0,05\" looks like one number with a decimal comma"),
            ("1,5\n-0,5\n", "line 2: \"-0,5\" looks like one number with a decimal comma"),
        ] {
            let error = read(text).expect_err(what).to_string();
            assert!(error.contains(what) && !error.contains('\n'), "{error}");
        }
    }
}
