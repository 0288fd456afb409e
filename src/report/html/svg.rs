//! The few SVG elements that a timeline needs, with everything escaped.

use std::fmt::Write;

use crate::plain::visible;

/// Elements, one after the other.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
}

impl Svg {
    /// All elements so far.
    pub(super) fn into_body(self) -> String {
        self.body
    }

    /// A rectangle with a hover title.
    pub(super) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], title: &str) {
        self.push(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">{}</rect>",
            width.max(0.6),
            self::title(title)
        ));
    }

    /// A straight line with a hover title.
    pub(super) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4], title: &str) {
        self.push(&format!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\">{}</line>",
            self::title(title)
        ));
    }

    /// A closed shape with a hover title.
    pub(super) fn shape(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.push(&format!(
            "<polygon class=\"{class}\" points=\"{points}\">{}</polygon>",
            self::title(title)
        ));
    }

    /// A circle.
    pub(super) fn circle(&mut self, class: &str, [x, y, radius]: [f64; 3]) {
        self.push(&format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"));
    }

    /// A text whose class says where it is anchored.
    pub(super) fn text(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        self.push(&format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }

    /// A group that can be linked to, and leads somewhere itself.
    pub(super) fn link(&mut self, id: &str, to: &str, title: &str, draw: impl FnOnce(&mut Self)) {
        let id = if id.is_empty() { String::new() } else { format!(" id=\"{}\"", escaped(id)) };
        self.push(&format!("<a{id} href=\"#{}\">{}", escaped(to), self::title(title)));
        draw(self);
        self.push("</a>");
    }

    fn push(&mut self, element: &str) {
        self.body.write_str(element).expect("writing to a string");
        self.body.push('\n');
    }
}

fn title(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(text)) }
}

/// Text that is nothing but text, in an element as well as in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in visible(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
