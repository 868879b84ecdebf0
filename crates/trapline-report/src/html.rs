//! What the pages have in common: one file of HTML, which opens from disk and asks no network for anything.

use crate::figure::PageDrawing;
use maud::{Markup, PreEscaped, Render, html};
use trapline_model::text::is_unseen;

/// A text that this program did not write (a name in a record, a path, a reason that quotes one), between tags or as
/// an attribute. As maud has it HTML takes it as text; beside that, characters that would act where they are shown
/// stand there as their number, but for line breaks and tabs.
#[derive(Debug, Clone, Copy)]
pub struct Text<T>(pub T);

impl<T: AsRef<str>> Render for Text<T> {
    fn render_to(&self, out: &mut String) {
        for c in self.0.as_ref().chars() {
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
    }
}

/// A drawing as part of a page: without the declaration that only a file of its own may have.
pub fn inline(svg: &str) -> PreEscaped<&str> {
    PreEscaped(svg.find("<svg").map_or(svg, |start| &svg[start..]))
}

/// What hides one of the two forms of a drawing: the narrow one but on phones, the wide one there where there is another.
pub const DRAWINGS: &str = "\
.narrow{display:none}@media screen and (max-width:45rem){.narrow{display:block}.narrow svg{width:100%;height:auto}.wide.also{display:none}}";

/// A figure's drawing, in both forms where it has two.
pub fn drawing(drawing: &PageDrawing) -> Markup {
    html! {
        @match &drawing.narrow {
            None => { div .wide { (inline(&drawing.wide)) } }
            Some(narrow) => {
                div .wide.also { (inline(&drawing.wide)) }
                div .narrow { (inline(narrow)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let shown = |text: &str| Text(text).render().into_string();
        assert_eq!(shown("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
        assert_eq!(shown("a\u{202e}b\u{1b}c"), r"a\u{202e}b\u{1b}c");
        let page = maud::html! { a href={ "#" (Text("x\" y")) } { (Text("<\u{7}>")) } };
        assert_eq!(page.into_string(), r##"<a href="#x&quot; y">&lt;\u{7}&gt;</a>"##);
        assert_eq!(inline("<?xml version=\"1.0\"?><svg></svg>").0, "<svg></svg>");
    }
}
