//! What the pages have in common: one file of HTML, which opens from disk and asks no network for anything.

use crate::figure::PageDrawing;
use maud::{Markup, PreEscaped, Render, html};
use trapline_model::text::{is_unseen, plain_json};

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
.drawing{position:relative}.key{cursor:pointer}.key.off{opacity:.35}.curve.off{display:none}\
.told{position:absolute;pointer-events:none;z-index:2;background:#fff;border:1px solid #888;border-radius:3px;\
padding:.2em .5em;font-size:.85em;line-height:1.3;color:#222;white-space:pre-line;box-shadow:0 1px 3px #0003}\
.narrow{display:none}@media screen and (max-width:45rem){.narrow{display:block}.narrow svg{width:100%;height:auto}.wide.also{display:none}}";

/// A figure's drawing, in both forms where it has two.
pub fn drawing(drawing: &PageDrawing) -> Markup {
    html! {
        div .drawing {
            @match &drawing.narrow {
                None => { div .wide { (inline(&drawing.wide)) } }
                Some(narrow) => {
                    div .wide.also { (inline(&drawing.wide)) }
                    div .narrow { (inline(narrow)) }
                }
            }
            script type="application/json" { (PreEscaped(in_script(&drawing.told))) }
        }
    }
}

/// JSON as the content of a script: no text in it can end the script, or act.
fn in_script(json: &str) -> String {
    plain_json(json).replace('<', "\\u003c")
}

/// What tells the numbers of drawings under the pointer, and hides and shows curves at a click on their names: once a page,
/// after its drawings. Without it the page is as it is printed.
pub fn pointer() -> Markup {
    html! { script { (PreEscaped(POINTER)) } }
}

/// The script of [`pointer()`]: the only one that runs on a page.
pub const POINTER: &str = include_str!("html/pointer.js");

/// What a page may do: nothing but its own styles and scripts, and no network.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

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
        assert_eq!(in_script("{\"a\":\"</script>\u{202e}\"}"), "{\"a\":\"\\u003c/script>\\u202e\"}");
        assert_eq!(inline("<?xml version=\"1.0\"?><svg></svg>").0, "<svg></svg>");
    }
}
