//! What the pages have in common: one file of HTML, which opens from disk and asks no network for anything.

use trapline_model::text::is_unseen;

/// Text that HTML takes as text, between tags and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A control character is not allowed there, and a mark of direction would turn what follows it.
            c if is_unseen(c) && c != '\n' && c != '\t' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A drawing as part of a page: without the declaration that only a file of its own may have.
pub fn inline(svg: &str) -> &str {
    svg.find("<svg").map_or(svg, |start| &svg[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
        assert_eq!(escaped("a\u{202e}b\u{1b}c"), r"a\u{202e}b\u{1b}c");
        assert_eq!(inline("<?xml version=\"1.0\"?><svg></svg>"), "<svg></svg>");
    }
}
