//! Where, among the segments of a protocol, electrons are drawn.

/// Most feedback from draw to draw of cells of many dots, and of few: see the module. Bounds of the nominal cell, with
/// room for two standard deviations of others.
pub const MOST_ON_THE_WAY: f64 = 1.5;
/// See [`MOST_ON_THE_WAY`].
pub const MOST_ON_THE_WAY_OF_FEW: f64 = 0.03;
/// How much more often the class that empties most may empty from draw to draw than that which empties least: the
/// narrowing has one number for what all dots forget. Where it is more, feedback may be [`MOST_ON_THE_WAY_OF_FEW`] at
/// most, so that next to nothing of it is drawn together. A rest has no feedback, and may be as long as it likes.
pub const MOST_UNEQUAL_ON_THE_WAY: f64 = 0.05;

/// Most equations solved from draw to draw, of substeps and of the pieces that a charge is taken in, and most segments:
/// a GPU goes no further at once. One segment may have more.
pub const MOST_EQUATIONS_ON_THE_WAY: u32 = 16;
/// See [`MOST_EQUATIONS_ON_THE_WAY`].
pub const MOST_SEGMENTS_ON_THE_WAY: u32 = 64;

/// Whether a segment ends with a draw, and how many draws come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settling {
    pub at_end: bool,
    pub before: u32,
}

/// What a segment adds to the way from draw to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnTheWay {
    /// By what share an electron too many lowers what is caught in it, at most.
    pub feedback: f64,
    /// How much more often the class that empties most does so in it than that which empties least.
    pub unequal: f64,
    /// Equations that are solved in it.
    pub equations: u32,
    /// Whether somebody looks at its end.
    pub looked_at: bool,
}

/// Substeps of a part of a segment between whose parts electrons are drawn: those of the whole where there is none.
/// `feedback` is the most of a substep.
pub fn substeps_of_part(substeps: u32, feedback: f64, most: f64) -> u32 {
    let within = if feedback * f64::from(substeps) > most { (most / feedback) as u32 } else { substeps };
    within.clamp(1, MOST_EQUATIONS_ON_THE_WAY)
}

/// Where electrons are drawn: after segments that somebody looks at, after the last one, and wherever the way from the
/// last draw would become too long. `first` numbers the first draw.
pub fn settlings(segments: impl IntoIterator<Item = OnTheWay>, most_feedback: f64, first: u32) -> Vec<Settling> {
    let mut settlings: Vec<Settling> = Vec::new();
    let (mut feedback, mut unequal, mut equations, mut count) = (0.0, 0.0, 0, 0);
    for segment in segments {
        let most = match unequal + segment.unequal > MOST_UNEQUAL_ON_THE_WAY {
            true => most_feedback.min(MOST_ON_THE_WAY_OF_FEW),
            false => most_feedback,
        };
        let too_far = feedback + segment.feedback > most
            || equations + segment.equations > MOST_EQUATIONS_ON_THE_WAY
            || count == MOST_SEGMENTS_ON_THE_WAY;
        if let Some(last) = settlings.last_mut()
            && too_far
        {
            last.at_end = true;
        }
        if settlings.last().is_none_or(|last| last.at_end) {
            (feedback, unequal, equations, count) = (0.0, 0.0, 0, 0);
        }
        feedback += segment.feedback;
        unequal += segment.unequal;
        equations += segment.equations;
        count += 1;
        settlings.push(Settling { at_end: segment.looked_at, before: 0 });
    }
    if let Some(last) = settlings.last_mut() {
        last.at_end = true;
    }
    let mut before = first;
    for settling in &mut settlings {
        settling.before = before;
        before = before.wrapping_add(u32::from(settling.at_end));
    }
    settlings
}
